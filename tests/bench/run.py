"""`make bench`: events per CPU-second of one core, for the product and for two ways to do less with more.

All contenders read the same traffic from the same kind of broker, each run with a fresh one, in turn, several times. The table shows the
median and the range over the repetitions; a machine that does other things at the same time makes CPU seconds dearer for all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from confluent_kafka import Producer
from job import TOPIC
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from rich.console import Console
from rich.table import Table
from sample import ACCOUNTS, BLOCK_EVENTS, Sample
from stages import PARTITIONS

from streams.core.settings import Settings
from streams.devserver.broker import EmbeddedBroker
from streams.devserver.kafka import ApacheKafka
from streams.devserver.process import stop
from streams.schema import topics
from streams.testing import figures
from streams.testing.figures import Figures

HERE = Path(__file__).resolve().parent
OURS, LOOP, PLAIN = "accounts_agent", "confluent_loop", "plain_faust"
EVENTS = 100_000
FLOOR = 100_000.0
"""Events per CPU-second that the accounts agent must reach ..."""
LEAST_RATIO = 2.0
"""... and how many times the confluent loop's it must be."""
WARM_UP_SHARE = 5
"""One event in five comes before the measurement."""

Record = tuple[int, int, bytes]
"""Partition, events and bytes."""


class Broker(Protocol):
    """What a contender connects to."""

    @property
    def bootstrap(self) -> str:
        """Where it is."""


@dataclass(frozen=True)
class Contender:
    """A process to measure, the topic it reads, and its records: those of the warm-up, then those that count."""

    name: str
    topic: str
    warm_up: Sequence[Record]
    counted: Sequence[Record]


def contenders(events: int) -> list[Contender]:
    """Draw the traffic and render it: the baselines read `events` lines, the product twice as many in blocks."""
    ours = Sample.draw(2 * events + 2 * events // WARM_UP_SHARE).blocks(PARTITIONS)
    lines = Sample.draw(events + events // WARM_UP_SHARE).lines()
    singles = [(topics.partition_of(account, PARTITIONS), 1, line) for account, line in lines]
    blocks_first, lines_first = len(ours) // (WARM_UP_SHARE + 1), len(singles) // (WARM_UP_SHARE + 1)
    return [
        Contender(OURS, topics.REQUESTS, ours[:blocks_first], ours[blocks_first:]),
        Contender(LOOP, TOPIC, singles[:lines_first], singles[lines_first:]),
        Contender(PLAIN, TOPIC, singles[:lines_first], singles[lines_first:]),
    ]


def measure(contender: Contender, core: int, *, apache: bool) -> Figures:
    """Run one contender on one core, on a broker of its own, and return what it reports."""
    with tempfile.TemporaryDirectory() as directory, _broker(Path(directory), apache=apache) as broker:
        _make_topics(broker.bootstrap)
        producer = Producer(
            {"bootstrap.servers": broker.bootstrap, "linger.ms": 20, "log_level": 2, "message.max.bytes": topics.MAX_RECORD_BYTES}
        )
        _send(producer, contender.topic, contender.warm_up)
        counts = [str(sum(events for _, events, _ in part)) for part in (contender.warm_up, contender.counted)]
        with _process([f"{contender.name}.py", broker.bootstrap, *counts], core) as child:
            if _line(child) != "ready":
                raise SystemExit(f"error: {contender.name} did not get through its warm-up; what it said stands above")
            _send(producer, contender.topic, contender.counted)
            found: Figures = json.loads(_line(child) or "{}")
        if not found:
            raise SystemExit(f"error: {contender.name} ended without a result; what it said stands above")
        return found


@contextmanager
def _broker(directory: Path, *, apache: bool) -> Iterator[Broker]:
    with ApacheKafka(directory) if apache else EmbeddedBroker() as broker:
        yield broker


def _make_topics(bootstrap: str) -> None:
    topics.ensure(Settings(mode="local", kafka=bootstrap, partitions=PARTITIONS))
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)], wait_for_metadata=True)


def _send(producer: Producer, topic: str, records: Sequence[Record]) -> None:
    for partition, _, value in records:
        producer.poll(0)
        while True:
            try:
                producer.produce(topic, value, partition=partition)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(120):
        raise SystemExit("error: the broker did not take the records within 120 s")


@contextmanager
def _process(command: Sequence[str], core: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a script of this folder on one core; this process and the broker keep to the others, if there are any."""
    others = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        child = subprocess.Popen([sys.executable, str(HERE / command[0]), *command[1:]], stdout=subprocess.PIPE, env=_environment())
    finally:
        os.sched_setaffinity(0, others)
    try:
        yield child
    finally:
        stop(child)


def _environment() -> dict[str, str]:
    root = str(HERE.parents[1])
    return {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _line(child: subprocess.Popen[bytes]) -> str:
    return child.stdout.readline().decode().strip() if child.stdout else ""


def summary(runs: Sequence[Figures]) -> Figures:
    """Return median, least and most of the speed over the repetitions, and the runs themselves."""
    speeds = [run["events_per_cpu_second"] for run in runs]
    return {"median": statistics.median(speeds), "min": min(speeds), "max": max(speeds), "runs": list(runs)}


def bench(events: int, repetitions: int, *, apache: bool) -> Figures:
    """Measure everything, and return the figures."""
    cores = sorted(os.sched_getaffinity(0))
    core = cores[-1]
    os.sched_setaffinity(0, set(cores[:-1]) or {core})
    chosen = contenders(events)
    runs: dict[str, list[Figures]] = {contender.name: [] for contender in chosen}
    for repetition in range(repetitions):
        for contender in chosen:
            runs[contender.name].append(measure(contender, core, apache=apache))
            print(
                f"{repetition + 1}/{repetitions} {contender.name}: {runs[contender.name][-1]['events_per_cpu_second']:,.0f}",
                file=sys.stderr,
            )
    with _process(["stages.py"], core) as child:
        stages = json.loads(_line(child))
    speeds = {name: summary(each) for name, each in runs.items()}
    ours = speeds[OURS]["median"]
    return {
        "broker": "Apache Kafka" if apache else "Tansu (embedded)",
        "traffic": {
            "accounts": ACCOUNTS,
            "block_events": BLOCK_EVENTS,
            "partitions": PARTITIONS,
            "line_events": events,
            "repetitions": repetitions,
        },
        "events_per_cpu_second": speeds,
        "ratios": {
            "accounts_agent / confluent_loop": ours / speeds[LOOP]["median"],
            "accounts_agent / plain_faust": ours / speeds[PLAIN]["median"],
            "accounts_agent / accounts stage alone": ours / stages["accounts_events_per_cpu_second"],
            "accounts_agent / decoding alone (the limit)": ours / stages["decode_events_per_cpu_second"],
        },
        "stages": stages,
    }


def verdict(found: Figures) -> list[str]:
    """Return what is below the floor, in words."""
    speeds, said = found["events_per_cpu_second"], []
    if (ours := speeds[OURS]["median"]) < FLOOR:
        said.append(f"{OURS} handles {ours:,.0f} events per CPU-second, the floor is {FLOOR:,.0f}")
    if (ratio := found["ratios"][f"{OURS} / {LOOP}"]) < LEAST_RATIO:
        said.append(f"{OURS} is {ratio:.2f} times {LOOP}, the floor is {LEAST_RATIO:g}")
    return said


def show(console: Console, found: Figures) -> None:
    """Print the figures."""
    table = Table(title=f"events per CPU-second of one core, {found['broker']}", title_justify="left")
    for heading in ("contender", "median", "least", "most", "times plain_faust"):
        table.add_column(heading, justify="left" if heading == "contender" else "right")
    speeds = found["events_per_cpu_second"]
    for name, speed in sorted(speeds.items(), key=lambda item: -item[1]["median"]):
        values = [f"{speed[which]:,.0f}" for which in ("median", "min", "max")]
        table.add_row(name, *values, f"{speed['median'] / speeds[PLAIN]['median']:.1f}")
    console.print(table)
    console.print("\n".join(f"{name}: {ratio:.2f}" for name, ratio in found["ratios"].items()))
    console.print("\nwithout a broker:")
    console.print(
        "\n".join(
            f"{name.replace('_', ' ')}: {value:,.2f}" if value < 10 else f"{name.replace('_', ' ')}: {value:,.0f}"
            for name, value in found["stages"].items()
        )
    )


def main() -> int:
    """Run the benchmark, print it, and write its figures."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure events per CPU-second.")
    parser.add_argument("--events", type=int, default=EVENTS, help="lines for the baselines; the product gets twice as many events")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--kafka", action="store_true", help="on Apache Kafka instead of the embedded broker (Java 17 and Maven)")
    parser.add_argument("--check", action="store_true", help="exit with 1 when the product is below its floor")
    chosen = parser.parse_args()
    found = bench(chosen.events, chosen.repetitions, apache=chosen.kafka)
    few = f"{chosen.events:,} lines of {EVENTS:,}" if chosen.events < EVENTS else ""
    figures.write("bench", found, command="make bench", partial=few)
    show(Console(), found)
    said = verdict(found) if chosen.check else []
    for line in said:
        print(f"error: {line}", file=sys.stderr)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
