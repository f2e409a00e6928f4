"""What a process counts about itself: every metric once, with the question that it answers on call.

A `Registry` keeps the numbers; `rows` are for the table `health` (`streams.clickhouse.health`), `samples` for Prometheus
(`streams.telemetry.prometheus`). Both may be asked for from another thread.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from itertools import accumulate, chain
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[str, ...]
Row = tuple[datetime, str, str, str, dict[str, str], float]

BOUNDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Upper bounds of a histogram's buckets, in seconds; a last one holds the rest."""


@dataclass(frozen=True)
class Spec:
    """How one metric is kept and labelled, and which question it answers."""

    kind: Kind
    question: str
    labels: Labels = ()


class Metric(Enum):
    """Every metric of Hydrometer. Its name outside is `hydrometer_` and its name here, in lower case."""

    STARTED = Spec("gauge", "When did the process start (seconds since 1970)?")
    EVENTS_ACCEPTED = Spec("counter", "How many events does each source bring?", ("source",))
    EVENTS_REJECTED = Spec("counter", "Which source sends what we cannot read, and why?", ("source", "reason"))
    EVENTS_LATE = Spec("counter", "How many events come over a minute behind the newest of their partition?", ("source",))
    CLOCK_SKEW = Spec("gauge", "How far is a source's clock from ours (seconds, its newest event less our time)?", ("source",))
    FUSE_BLOWN = Spec("gauge", "Is a source of collect paused, or did it stop, because the format is wrong? (1: yes)")
    BLOCKS_SENT = Spec("counter", "How many blocks leave for each topic?", ("topic",))
    INTAKE_ANSWERS = Spec("counter", "Do gateways get through, or are they told to wait?", ("path", "status"))

    FEED_SILENCE = Spec("gauge", "For how long has each feed been silent (minutes)?", ("feed",))
    FEED_NATS = Spec("gauge", "How surprising is its silence, by its own habits (nats)?", ("feed",))
    FEED_FALSE_ALERTS = Spec("gauge", "How many silences this long does a day of this feed have, all being well?", ("feed",))

    AGENT_EVENTS = Spec("counter", "How fast does each agent work?", ("agent",))
    AGENT_SECONDS = Spec("histogram", "How long does a block take?", ("agent",))
    AGENT_TIME = Spec("gauge", "How far is each partition, in event time (seconds since 1970)?", ("agent", "partition"))
    ROWS_REPEATED = Spec("counter", "How many rows came again after a restart, and counted only once?", ("agent",))
    BLOCKS_REFUSED = Spec("counter", "How many blocks could not be read?", ("agent",))
    ENTITIES = Spec("gauge", "How many entities does each partition hold in memory?", ("agent", "partition"))
    STATE_BYTES = Spec("gauge", "How much memory does the state take?", ("agent", "partition"))
    EVICTED = Spec("counter", "How many idle entities left memory?", ("agent",))
    TICKS = Spec("counter", "How often are entities scored?", ("agent",))

    CHUNKS_WRITTEN = Spec("counter", "Does the state become durable?", ("agent",))
    CHUNKS_REFUSED = Spec("counter", "Which state started cold, because it could not be read?", ("agent",))
    CHECKPOINT_SECONDS = Spec("gauge", "How old is the oldest change that a crash would have to replay?", ("agent", "partition"))

    ROWS_WRITTEN = Spec("counter", "How many rows reach each table?", ("table",))
    INSERT_SECONDS = Spec("histogram", "How long does ClickHouse take for a batch?", ("table",))
    INSERT_RETRIES = Spec("counter", "Does ClickHouse refuse batches?", ("table",))
    LAG = Spec("gauge", "How many records wait in each partition?", ("agent", "topic", "partition"))
    POSITION = Spec("gauge", "Does each partition move? (the last record processed, -1: none yet)", ("agent", "topic", "partition"))

    ALERTS_TOLD = Spec("counter", "Does the Alertmanager take our alerts?", ("outcome",))
    FINDINGS_DELIVERED = Spec("counter", "Do findings reach the other side?")

    @property
    def exported(self) -> str:
        """Return the metric's name outside this program."""
        return f"hydrometer_{self.name.lower()}"


@dataclass
class Histogram:
    """How many durations fell under each bound, and their sum in seconds."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def add(self, value: float) -> None:
        """Count one duration."""
        self.buckets[bisect.bisect_left(BOUNDS, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return sum(self.buckets)

    def cumulative(self) -> list[tuple[str, float]]:
        """Return each bound as Prometheus writes it (the last is `+Inf`), and how many durations were at most as long."""
        names = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
        return list(zip(names, map(float, accumulate(self.buckets)), strict=True))

    def quantile(self, share: float) -> float:
        """Return the upper bound of the bucket that holds this share; infinity beyond the last bound."""
        wanted, seen = share * self.count, 0
        for bound, size in zip(BOUNDS, self.buckets, strict=False):
            seen += size
            if seen >= wanted:
                return bound
        return float("inf")


@dataclass(frozen=True)
class Sample:
    """What is known of one metric with one combination of labels."""

    metric: Metric
    labels: Labels
    value: float | Histogram


class Registry:
    """The numbers of one process. Cheap enough for every block (about 1 us), not meant for every event."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._lock = threading.Lock()
        self._values: dict[tuple[Metric, Labels], float] = {}
        self._histograms: dict[tuple[Metric, Labels], Histogram] = {}
        self._renewed: set[tuple[Metric, Labels]] = set()

    def add(self, metric: Metric, amount: float = 1.0, **labels: str | int) -> None:
        """Raise a counter."""
        key = _key(metric, "counter", labels)
        with self._lock:
            self._values[key] = self._values.get(key, 0.0) + amount

    def set(self, metric: Metric, value: float, **labels: str | int) -> None:
        """Set a gauge."""
        key = _key(metric, "gauge", labels)
        with self._lock:
            self._values[key] = float(value)
            self._renewed.add(key)

    @contextmanager
    def renewing_partitions(self) -> Iterator[None]:
        """Drop, at the end, what was not set anew of single partitions: who lost one no longer speaks of it.

        Only then: who looks in between must not find a partition gone that is only about to be set.
        """
        with self._lock:
            self._renewed = set()
        yield
        with self._lock:
            for key in [each for each in self._values if "partition" in each[0].value.labels and each not in self._renewed]:
                del self._values[key]

    def forget(self, metric: Metric) -> None:
        """Drop a metric under all its labels: what is not set again is no longer spoken of."""
        with self._lock:
            for key in [each for each in self._values if each[0] is metric]:
                del self._values[key]

    def observe(self, metric: Metric, seconds: float, **labels: str | int) -> None:
        """Count a duration into a histogram."""
        key = _key(metric, "histogram", labels)
        with self._lock:
            self._histograms.setdefault(key, Histogram()).add(seconds)

    def value(self, metric: Metric, **labels: str | int) -> float:
        """Return a counter or gauge, 0 when it was never touched; of a histogram, how much it has counted."""
        key = _key(metric, metric.value.kind, labels)
        with self._lock:
            if metric.value.kind == "histogram":
                return float(self._histograms[key].count) if key in self._histograms else 0.0
            return self._values.get(key, 0.0)

    def samples(self) -> list[Sample]:
        """Return everything at one moment, in the order of `Metric`."""
        with self._lock:
            values: list[Sample] = [Sample(*key, value) for key, value in self._values.items()]
            values += [Sample(*key, replace(each, buckets=[*each.buckets])) for key, each in self._histograms.items()]
        return sorted(values, key=lambda sample: _PLACE[sample.metric])

    def rows(self, time: datetime, process: str, instance: str) -> list[Row]:
        """Return everything as rows of `health`: time, process, instance, metric, labels, value. Histograms as p50, p99, sum, count."""
        return [(time, process, instance, name, labels, value) for name, labels, value in chain(*map(_told, self.samples()))]


_PLACE = {metric: place for place, metric in enumerate(Metric)}

METRICS = Registry()
"""The numbers of this process."""


def _told(sample: Sample) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield what the table `health` is told of a sample."""
    name, labels = sample.metric.exported, dict(zip(sample.metric.value.labels, sample.labels, strict=True))
    if not isinstance(sample.value, Histogram):
        yield name, labels, sample.value
        return
    yield f"{name}_p50", labels, sample.value.quantile(0.5)
    yield f"{name}_p99", labels, sample.value.quantile(0.99)
    yield f"{name}_sum", labels, sample.value.total
    yield f"{name}_count", labels, float(sample.value.count)


def _key(metric: Metric, kind: Kind, labels: dict[str, str | int]) -> tuple[Metric, Labels]:
    spec = metric.value
    if spec.kind != kind or len(labels) != len(spec.labels):
        raise TypeError(f"{metric.name} is a {spec.kind} with the labels {spec.labels}, not a {kind} with {tuple(labels)}")
    return metric, tuple(str(labels[name]) for name in spec.labels)
