"""Events from the topic `requests-raw`: one JSON event a record, read in batches, acknowledged once the blocks are delivered."""

from __future__ import annotations

import asyncio
import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.core import tls
from streams.core.errors import FuseBlownError
from streams.core.settings import Settings
from streams.intake.block_producer import PAUSE_SECONDS, BlockProducer, count, deliver_until_taken, report_paused
from streams.intake.collector import OVERSIZE, Collector, Ingested
from streams.intake.dead_letter_limit import Fuse
from streams.intake.formats.registry import AUTO
from streams.intake.refusals import NO_FAULT
from streams.kafka.empty_offsets import EMPTY
from streams.kafka.record_batches import tolerate_strangers
from streams.schema import topics

MAX_BATCH_RECORDS: Final = 4096
"""Records per fetch."""

MIN_PROBE_RECORDS: Final = 20
"""Records behind a poisoned batch by which the topic's format is judged; fewer are waited for."""

_PROBE_FETCHES = 8
_offset = attrgetter("offset")

MIN_FETCH_BYTES: Final = 1024 * 1024
"""Bytes for which the broker waits, for as long as a block may wait: 500 to 1,000 events with their prompts."""

Ends = dict[TopicPartition, int]
"""The offset behind the last record of each partition."""

_log = logging.getLogger(__name__)


async def consume(
    settings: Settings,
    log_format: str = AUTO,
    known_corpus: Path | None = None,
    *,
    backfill: bool = False,
    pause_seconds: float = PAUSE_SECONDS,
) -> None:
    """Read until cancelled. backfill: old events are accepted.

    A blown fuse pauses the topic; then the same batch, of which nothing was acknowledged, is tried again: a wrong --format is a
    mistake of the operator, and nothing is lost by waiting. When most of what was written since can be read, the format is right, and
    strangers wrote the rest: what stood in the topic when the fuse blew is set aside line by line, and the stream goes on.

    After a crash between delivery and acknowledgement, records are read again: delivery is at least once. Within a run, and 65,536 ids
    per partition, the repetition is dropped as `duplicate`.
    """
    tolerate_strangers()
    collector = Collector(settings, log_format, known_corpus, backfill=backfill)
    consumer = AIOKafkaConsumer(topics.REQUESTS_RAW, **_options(settings))
    report_paused(topics.REQUESTS_RAW, paused=False)
    try:
        await consumer.start()
        with BlockProducer(settings, topics.REQUESTS_RAW) as producer:
            topic = _RawTopic(settings, consumer, collector, producer, partial(Collector, settings, log_format, backfill=backfill))
            while True:
                await topic.step(pause_seconds)
    finally:
        await consumer.stop()


@dataclass
class _RawTopic:
    """The reader of the topic, and what it remembers from one batch to the next."""

    settings: Settings
    consumer: Any
    collector: Collector
    producer: BlockProducer
    new_judge: Callable[[], Collector]
    """Makes a collector that reads what came since a pause, only to count what it refuses."""
    paused: bool = False
    read: Ends = field(default_factory=dict)
    stood: Ends = field(default_factory=dict)
    """Where the topic ended when the fuse blew."""
    aside: Ends = field(default_factory=dict)
    """Before these ends refused lines blow no fuse."""

    async def step(self, pause_seconds: float) -> None:
        """Take one batch; pause when it blows the fuse, and judge then whether the topic can go on."""
        try:
            took = await self.read_batch()
        except FuseBlownError as error:
            if not self.paused:
                _log.error("%s is paused: %s", topics.REQUESTS_RAW, error)
                ends = await self.consumer.end_offsets(list(self.consumer.assignment()))
                self.stood = {partition: max(end, self.read.get(partition, 0)) for partition, end in ends.items()}
            self.paused = True
            report_paused(topics.REQUESTS_RAW, paused=True)
            await asyncio.sleep(pause_seconds)
            self.collector.fuse.reset()
            if await self.is_readable_since():
                _log.warning("%s goes on: what was written since can be read, so what cannot is set aside", topics.REQUESTS_RAW)
                self.aside = self.stood
        else:
            if self.paused and took:
                self.paused = False
                report_paused(topics.REQUESTS_RAW, paused=False)

    async def read_batch(self) -> bool:
        """Read a batch, deliver its blocks, acknowledge it; return whether there was one.

        When the fuse blows, only the batch's dead letters are sent, once; nothing is acknowledged, so the whole batch is read again.
        Raises FuseBlownError then.
        """
        batch = await self._fetch()
        steps = []
        for partition, records in batch.items():
            self.read[partition] = records[-1].offset + 1
            before = bisect_left(records, self.aside.get(partition, 0), key=_offset)
            for part, lenient in ((records[:before], True), (records[before:], False)):
                if part and not self.collector.fuse.blown:
                    steps.append(_read(self.collector, part, self._lenient() if lenient else self.collector.fuse))
                    count(steps[-1], topics.REQUESTS_RAW)
        dead = [outgoing for ingested in steps for outgoing in ingested.dead]
        blocks = [outgoing for ingested in steps for outgoing in ingested.outgoing] + self.collector.flush()
        if self.collector.fuse.blown:
            await deliver_until_taken(self.producer, [] if self.paused else [*dead])
            for block in blocks:
                self.collector.forget(block)
            for partition, records in batch.items():
                self.consumer.seek(partition, records[0].offset)
            self.collector.fuse.check()
        await deliver_until_taken(self.producer, [*dead, *blocks])
        if self._pass_empty() or batch:
            await self.consumer.commit()
        return bool(batch)

    def _pass_empty(self) -> bool:
        """Pass over the offsets without a record behind what was read, such as a transaction's end; return whether there were some."""
        ends = {partition: EMPTY.behind(partition.topic, partition.partition, end) for partition, end in self.read.items()}
        is_further, self.read = ends != self.read, ends
        return is_further

    async def is_readable_since(self) -> bool:
        """Return whether the records since the fuse blew are enough to judge a format by, and as few are refused as the fuse allows."""
        ends = {partition: end for partition, end in self.stood.items() if partition in self.consumer.assignment()}
        if (
            not ends
        ):  # they went to another `collect`; without names, `getmany` would take records of all others, which nobody would read again
            return False
        positions = {partition: await self.consumer.position(partition) for partition in ends}
        judge, records, refused = self.new_judge(), 0, 0
        for partition, end in ends.items():
            self.consumer.seek(partition, end)
        for _ in range(_PROBE_FETCHES):
            batch = await self._fetch(*ends)
            for written in batch.values():
                rejected = _read(judge, written, self._lenient()).rejected
                records += len(written)
                refused += sum(count for reason, count in rejected.items() if reason not in OVERSIZE | NO_FAULT)
            judge.flush()
            if records >= MAX_BATCH_RECORDS or (records >= MIN_PROBE_RECORDS and not batch):
                break
        for partition, position in positions.items():
            self.consumer.seek(partition, position)
        return records >= MIN_PROBE_RECORDS and refused <= self.settings.fuse_share * records

    async def _fetch(self, *partitions: TopicPartition) -> Mapping[TopicPartition, Sequence[Any]]:
        wait_ms = int(self.settings.block_seconds * 1000)
        batch: Mapping[TopicPartition, Sequence[Any]] = await self.consumer.getmany(
            *partitions, timeout_ms=wait_ms, max_records=MAX_BATCH_RECORDS
        )
        return batch

    def _lenient(self) -> Fuse:
        return Fuse(self.settings.fuse_window, self.settings.fuse_share, self.settings.fuse_run, skip=True)


def _read(collector: Collector, records: Sequence[Any], fuse: Fuse) -> Ingested:
    now = time.time()
    lines = [b"null" if record.value is None else record.value for record in records]
    positions = [f"{record.partition}/{record.offset}" for record in records]
    return collector.add(lines, topics.REQUESTS_RAW, [_arrival(record, now) for record in records], positions, fuse)


def _arrival(record: Any, now: float) -> float:
    """Return when a record was written (epoch s), so that one that waited in Kafka is not late. Its producer sets it: at most `now`."""
    written = record.timestamp
    return min(written / 1000.0, now) if written and written > 0 else now


def _options(settings: Settings) -> dict[str, object]:
    client_options = topics.client_options(settings)
    options: dict[str, object] = {
        # the broker gathers: otherwise it answers as soon as there is one record, and each block would hold a few
        "fetch_min_bytes": MIN_FETCH_BYTES,
        "fetch_max_wait_ms": int(settings.block_seconds * 1000),
        "bootstrap_servers": client_options["bootstrap_servers"],
        "security_protocol": client_options["security_protocol"],
        "group_id": topics.group_of(topics.COLLECT),
        "client_id": "hydrometer-collect",
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "session_timeout_ms": 6000,
        "heartbeat_interval_ms": 2000,
        "fetch_max_bytes": topics.MAX_RECORD_BYTES,
    }
    options.update({name: value for name, value in client_options.items() if name.startswith("sasl_plain") or name == "sasl_mechanism"})
    if settings.kafka_security_protocol in {"SSL", "SASL_SSL"}:
        options["ssl_context"] = tls.context(settings.kafka_ssl_cafile)
    return options
