"""The metrics of a process: each declared once, with the question that it answers for the person on call.

A `Registry` is a registry of Prometheus' client (`streams.telemetry.prometheus` serves it); `rows` are the same numbers for the table
`health` (`streams.clickhouse.health`). Both may be read from another thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Literal, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.samples import Sample

from streams.schema.reports import HealthRow

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[str, ...]

BUCKET_BOUNDS_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Upper bounds of a histogram's buckets, in seconds; a last bucket has the rest."""


@dataclass(frozen=True)
class Spec:
    """Kind and labels of a metric, and the question that it answers."""

    kind: Kind
    question: str
    labels: Labels = ()


class Metric(Enum):
    """Every metric of Hydrometer. Its exported name is `hydrometer_` and its name here, in lower case."""

    STARTED = Spec("gauge", "When did the process start (seconds since 1970)?")
    EVENTS_ACCEPTED = Spec("counter", "How many events does each source bring?", ("source",))
    EVENTS_REJECTED = Spec("counter", "Which source sends what we cannot read, and why?", ("source", "reason"))
    EVENTS_LATE = Spec("counter", "How many events come over a minute behind the newest of their partition?", ("source",))
    EVENTS_CORRECTED = Spec("counter", "How many events were so far ahead that they count at their arrival instead?", ("source",))
    CLOCK_SKEW = Spec(
        "gauge", "How far is a source's clock from this machine's (seconds, its newest event less the time here)?", ("source",)
    )
    FUSE_BLOWN = Spec("gauge", "Is a source of collect paused, or did it stop, because the format is wrong? (1: yes)")
    BLOCKS_SENT = Spec("counter", "How many blocks leave for each topic?", ("topic",))
    INTAKE_ANSWERS = Spec("counter", "Do gateways get through, or must they wait?", ("path", "status"))

    FEED_SILENCE = Spec("gauge", "For how long has each feed been silent (minutes)?", ("feed",))
    FEED_NATS = Spec("gauge", "How surprising is its silence, by its own habits (nats)?", ("feed",))
    FEED_FALSE_ALERTS = Spec("gauge", "How many silences this long does a day of this feed have, all being well?", ("feed",))

    AGENT_EVENTS = Spec("counter", "How fast does each agent work?", ("agent",))
    AGENT_SECONDS = Spec("histogram", "How long does a block take?", ("agent",))
    AGENT_TIME = Spec("gauge", "How far is each partition, in event time (seconds since 1970)?", ("agent", "partition"))
    ROWS_REPEATED = Spec("counter", "How many rows came again after a restart, and counted only once?", ("agent",))
    EVENTS_UNBELIEVABLE = Spec("counter", "How many events cannot have happened when they say so, and count nowhere?", ("agent",))
    EVENTS_REPEATED = Spec("counter", "How many events stood twice in the topic, and counted once?", ("agent",))
    BLOCKS_REFUSED = Spec("counter", "How many blocks could not be read?", ("agent",))
    ENTITIES = Spec("gauge", "How many entities does each partition hold in memory?", ("agent", "partition"))
    STATE_BYTES = Spec("gauge", "How much memory does the state take?", ("agent", "partition"))
    EVICTED = Spec("counter", "How many idle entities left memory?", ("agent",))
    ENDED = Spec("counter", "How many accounts had no request for so long that they left the archive?", ("agent",))
    LEFT_OUT = Spec("counter", "How many rows of new entities had no room in memory?", ("agent",))
    TICKS = Spec("counter", "How often are entities scored?", ("agent",))

    CHUNKS_WRITTEN = Spec("counter", "Does the state become durable?", ("agent",))
    CHUNKS_REFUSED = Spec("counter", "Which state started cold, because it could not be read?", ("agent",))
    WRITES_FENCED = Spec("counter", "Did a worker that had lost its partition still write (and was ignored)?", ("agent",))
    OWNERS_FENCED = Spec("counter", "Did a worker notice that it had lost a partition, and drop it?", ("agent",))
    STATE_BEHIND = Spec("counter", "Was state behind what was acknowledged, and read again?", ("agent",))
    REBALANCES = Spec("counter", "How often were an agent's partitions dealt out anew?", ("agent",))
    GAPS_READ_BACK = Spec("counter", "How often were records left out on their way, and read back?", ("agent",))
    CHECKPOINT_SECONDS = Spec("gauge", "How old is the oldest change that a crash would have to replay?", ("agent", "partition"))

    ROWS_WRITTEN = Spec("counter", "How many rows reach each table?", ("table",))
    INSERT_SECONDS = Spec("histogram", "How long does ClickHouse take for a batch?", ("table",))
    INSERT_RETRIES = Spec("counter", "Does ClickHouse refuse batches?", ("table",))
    LAG = Spec("gauge", "How many records wait in each partition?", ("agent", "topic", "partition"))
    LAG_UNKNOWN = Spec("gauge", "Is it unknown how many records wait, because the consumer does not answer? (1: yes)", ("agent",))
    POSITION = Spec("gauge", "Does each partition move? (the last record processed, -1: none yet)", ("agent", "topic", "partition"))

    ALERTS_TOLD = Spec("counter", "Does the Alertmanager take our alerts?", ("outcome",))
    FINDINGS_DELIVERED = Spec("counter", "Do findings reach the other side?")

    @property
    def exported(self) -> str:
        """The metric's exported name."""
        return f"hydrometer_{self.name.lower()}"


Series = TypeVar("Series", bound=Counter | Gauge | Histogram)

_MAKE: Mapping[Kind, Callable[..., Counter | Gauge | Histogram]] = {
    "counter": Counter,
    "gauge": Gauge,
    "histogram": partial(Histogram, buckets=BUCKET_BOUNDS_SECONDS),
}


class Registry(CollectorRegistry):
    """The metrics of one process, each from its first use on. An update takes a few us: suited to every block, not to every event."""

    def __init__(self) -> None:
        """Start without metrics."""
        super().__init__()
        self._creation = threading.Lock()
        self._used: dict[Metric, Counter | Gauge | Histogram] = {}
        self._round = 0
        self._partitions: dict[tuple[Metric, Labels], int] = {}  # the round in which each partition's gauge was last set

    def add(self, metric: Metric, amount: float = 1.0, **labels: str | int) -> None:
        """Increase a counter.

        Raises:
            TypeError: For another kind of metric or other labels.
        """
        self._series(Counter, metric, labels).inc(amount)

    def set(self, metric: Metric, value: float, **labels: str | int) -> None:
        """Set a gauge.

        Raises:
            TypeError: For another kind of metric or other labels.
        """
        self._series(Gauge, metric, labels).set(value)
        if "partition" in labels:
            self._partitions[metric, tuple(str(labels[name]) for name in metric.value.labels)] = self._round

    def observe(self, metric: Metric, seconds: float, **labels: str | int) -> None:
        """Add a duration to a histogram.

        Raises:
            TypeError: For another kind of metric or other labels.
        """
        self._series(Histogram, metric, labels).observe(seconds)

    @contextmanager
    def renewing_partitions(self) -> Iterator[None]:
        """Drop the gauges of partitions that were not set within this context: this worker no longer owns them.

        They are dropped at its end, so that a reader in between does not miss a partition that is about to be set.
        """
        self._round += 1
        yield
        for (metric, labels), last in [*self._partitions.items()]:
            if last < self._round:
                self._used[metric].remove(*labels)
                del self._partitions[metric, labels]

    def forget(self, metric: Metric) -> None:
        """Drop a labelled metric under all its labels, until it is set again."""
        if metric in self._used:
            self._used[metric].clear()

    def value(self, metric: Metric, **labels: str | int) -> float:
        """Return the value of a counter or gauge, or the number of durations in a histogram; 0 for a metric without use."""
        suffix = {"counter": "_total", "gauge": "", "histogram": "_count"}[metric.value.kind]
        return self.get_sample_value(metric.exported + suffix, {name: str(value) for name, value in labels.items()}) or 0.0

    def rows(self, time: float, process: str, instance: str) -> list[HealthRow]:
        """Return all metrics of a `process` (its command) and `instance` as rows of `health`, at a moment (seconds since 1970).

        A histogram has p50, p99, count, sum.
        """
        return [HealthRow(time, process, instance, *sample) for family in self.collect() for sample in _health(family.samples)]

    def _series(self, kind: type[Series], metric: Metric, labels: Mapping[str, str | int]) -> Series:
        spec = metric.value
        if kind.__name__.lower() != spec.kind or labels.keys() != {*spec.labels}:
            raise TypeError(f"{metric.name} is a {spec.kind} with the labels {spec.labels}, not a {kind.__name__} with {(*labels,)}")
        with self._creation:
            if metric not in self._used:
                self._used[metric] = _MAKE[spec.kind](metric.exported, spec.question, spec.labels, registry=self)
        used = self._used[metric]
        return cast("Series", used.labels(**labels) if labels else used)


METRICS = Registry()
"""The metrics of this process."""

disable_created_metrics()  # type: ignore[no-untyped-call] # a second sample for each counter: when it began


def _health(samples: Iterable[Sample]) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield metric, labels and value for `health`. Buckets become quantiles: the upper bound of the quantile's bucket, in seconds."""
    buckets: list[tuple[float, float]] = []  # upper bound, and number of durations up to it
    for name, labels, value, *_ in samples:
        if "le" in labels:
            buckets.append((float(labels["le"]), value))
            continue
        if buckets:  # the count follows the buckets
            for percent in (50, 99):
                quantile = next(bound for bound, count in buckets if count >= percent / 100 * value)
                yield f"{name.removesuffix('_count')}_p{percent}", labels, quantile
            buckets = []
        yield name.removesuffix("_total"), labels, value
