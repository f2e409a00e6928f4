"""A rehearsal: the demonstration's traffic through the whole pipeline into a ClickHouse, in one process and seconds, without a broker.

For the boards' own tests and pictures. Collect, stages and store are the product's; only Kafka is left out, and the health that
processes would report every ten seconds is reported every five minutes of the traffic's own time, since that is what the boards show.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from clickhouse_driver import Client

from dashboards.macros import Window
from streams.cases import labels
from streams.clickhouse import migrate
from streams.clickhouse.batch_writer import BatchWriter
from streams.clickhouse.client import ClickHouse
from streams.clickhouse.rows import STORED, KafkaRecord, insert_of
from streams.core.settings import Settings
from streams.demo.traffic import SPAN_SECONDS, demo_traffic
from streams.intake.clock import FileClock
from streams.intake.collector import Collector, Ingested, OutgoingBlock
from streams.replay.in_process import Pipeline
from streams.schema import blocks, layouts, topics
from streams.schema.reports import HealthRow
from streams.stages.stage import Message, Stage
from streams.telemetry.metrics import Metric, Registry
from streams.worker.report import TOTALS

REPORT_SECONDS: Final = 300.0
"""Event time between two health reports."""
CHECKPOINT_INTERVAL_SECONDS: Final = 60.0
"""A rehearsal writes no checkpoints: their age is simulated as a worker's that writes one per minute."""
_CHUNK_LINES: Final = 512
_BROKEN: Final = {
    997: b'{"timestamp": 17',
    1499: b'{"account.id": "a-1"}',
    4001: b'{"timestamp": "yesterday", "event.id": "e", "account.id": "a"}',
}
"""Lines that cannot be read, by their interval in lines: cut short, without required fields, with a wrong time."""


@dataclass(frozen=True)
class Rehearsed:
    """A filled ClickHouse, and the window that Grafana would query."""

    client: Client
    window: Window


class Rehearsal:
    """One run: feed lines, then close."""

    def __init__(self, settings: Settings) -> None:
        """Prepare tables and stages."""
        migrate.run(settings)
        self._clickhouse = ClickHouse(settings)
        self._registry = Registry()
        self._collected = Registry()
        self._store = BatchWriter(self._clickhouse, threading.Event(), metrics=self._registry)
        self._collector = Collector(settings)
        self._clock = FileClock(settings.future_skew_seconds, settings.past_skew_seconds)
        self._pipeline = Pipeline(settings.partitions, settings.seal_key.get_secret_value().encode(), self._keep)
        self._offsets: Counter[tuple[str, int]] = Counter()
        self._health: list[HealthRow] = []
        self._last_counts: dict[tuple[Metric, str], float] = {}
        self._now = 0.0
        self._reported = 0.0
        self._started = 0.0

    def feed(self, lines: Sequence[bytes]) -> None:
        """Process lines of the log up to ClickHouse."""
        ingested = self._collector.add(lines, "rehearsal", self._clock)
        self._count(ingested)
        for letter in ingested.dead:
            self._write(Message(topics.DEAD_LETTERS, 0, letter.line, headers=tuple(letter.headers())))
        for block in ingested.outgoing:
            self._carry(block)

    def close(self) -> None:
        """Process the pending blocks, label the strongest case as an analyst would, and write the rest."""
        for block in self._collector.flush():
            self._carry(block)
        self._decide()
        self._report()
        self._store.due(time.monotonic() + 1e6)
        self._clickhouse.insert("health", insert_of("health", self._health).columns, "rehearsal")
        self._clickhouse.close()

    def _carry(self, block: OutgoingBlock) -> None:
        began = time.perf_counter()
        self._pipeline.feed(block.partition, block.data)
        self._registry.observe(Metric.AGENT_SECONDS, time.perf_counter() - began, agent="all, one after the other")

    # -- messages of the stages

    def _keep(self, message: Message) -> None:
        if message.topic == topics.REQUESTS:
            self._now = max(self._now, float(blocks.decode(message.value, layouts.REQUESTS).numbers("time").max()))
            if self._now - self._reported >= REPORT_SECONDS:
                self._report()
        self._write(message)

    def _write(self, message: Message) -> None:
        partition = (message.topic, message.partition)
        if message.topic in STORED:
            record = KafkaRecord(
                message.topic, message.partition, self._offsets[partition], self._now, message.value, dict(message.headers)
            )
            self._store.apply([record], time.monotonic())
        self._offsets[partition] += 1

    def _decide(self) -> None:
        """Label the strongest extraction case, as an analyst would."""
        open_cases = [case for case in self._pipeline.cases.cases.values() if case.behaviour == "extraction" and case.state == "open"]
        if open_cases:
            strongest = max(open_cases, key=lambda case: len(case.members))
            label = labels.make("case", strongest.case_id, "distilling", "analyst", "one job spread over many cards", at=self._now)
            self._write(Message(topics.LABELS, 0, label.encode()))
            for message in self._pipeline.cases.apply_feedback(label.encode(), 0):
                self._write(message)

    # -- health, as the processes would report it

    def _count(self, ingested: Ingested) -> None:
        self._collected.set(Metric.FUSE_BLOWN, 0)
        self._collected.add(Metric.EVENTS_ACCEPTED, ingested.accepted, source="file")
        self._collected.add(Metric.EVENTS_LATE, ingested.late, source="file")
        for reason, lines in ingested.rejected.items():
            self._collected.add(Metric.EVENTS_REJECTED, lines, source="file", reason=reason)

    def _report(self) -> None:
        """Store what `collect` and a worker would have written to `health` since the last report."""
        self._reported = self._now
        self._started = self._started or self._now
        pipeline = self._pipeline
        stages: dict[str, Sequence[Stage]] = {"accounts": pipeline.accounts, "groups": pipeline.groups, "cases": [pipeline.cases]}
        for agent, partitions in stages.items():
            for partition, stage in enumerate(partitions):
                self._report_stage(agent, partition, stage.counters())
        self._registry.set(Metric.FEED_NATS, 0, feed="file")
        for process, registry in (("worker", self._registry), ("collect", self._collected)):
            registry.set(Metric.STARTED, self._started)
            self._health += registry.rows(self._now, process, f"rehearsal-{process}")

    def _report_stage(self, agent: str, partition: int, counted: Mapping[str, float]) -> None:
        for name, metric in TOTALS.items():
            if name in counted:
                key = (metric, f"{agent}/{partition}/{name}")
                self._registry.add(metric, counted[name] - self._last_counts.get(key, 0.0), agent=agent)
                self._last_counts[key] = counted[name]
        held = counted.get("entities", counted.get("groups", 0.0))
        self._registry.set(Metric.ENTITIES, held, agent=agent, partition=partition)
        self._registry.set(Metric.STATE_BYTES, held * counted.get("state_bytes_per_entity", 0.0), agent=agent, partition=partition)
        self._registry.set(Metric.AGENT_TIME, self._now, agent=agent, partition=partition)
        self._registry.set(Metric.CHECKPOINT_SECONDS, self._now % CHECKPOINT_INTERVAL_SECONDS, agent=agent, partition=partition)
        self._registry.set(Metric.LAG, 0, agent=agent, topic=topics.REQUESTS, partition=partition)


def rehearse(settings: Settings, *, events: int = 60_000, first: int | None = None, start: float | None = None) -> float:
    """Fill the ClickHouse of `settings` with the demonstration's traffic and return the event time of its first moment (seconds).

    By default the traffic ends about now, so that no table's TTL takes it away. About 12 s for 60,000 events.

    Args:
        settings: Where ClickHouse is.
        events: Size of the demonstration.
        first: Events of it that are carried, from its beginning; all of them by default.
        start: Event time of its first moment, seconds since 1970.
    """
    began = time.time() // 3600 * 3600 - SPAN_SECONDS if start is None else start
    rehearsal = Rehearsal(settings)
    lines = islice(_with_broken(demo_traffic(events=events, start=began).lines()), first)
    while chunk := list(islice(lines, _CHUNK_LINES)):
        rehearsal.feed(chunk)
    rehearsal.close()
    return began


def _with_broken(lines: Iterator[bytes]) -> Iterator[bytes]:
    for number, line in enumerate(lines, 1):
        yield line
        yield from (broken for interval_lines, broken in _BROKEN.items() if number % interval_lines == 0)
