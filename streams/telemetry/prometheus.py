"""The metrics of a process as Prometheus reads them: over HTTP, in Prometheus' own words.

Names are those of the table `health`, with `_total` behind counters, as Prometheus wants them; histograms bring their buckets instead of
quantiles. A thread answers, so that a process whose work is stuck can still be asked why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from streams.telemetry.metrics import METRICS, Histogram, Metric, Registry, Sample

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Families(Collector):
    """A registry, in the form that Prometheus' client writes out."""

    def __init__(self, registry: Registry) -> None:
        """Read from `registry` whenever asked."""
        self._registry = registry

    def collect(self) -> Iterable[Family]:
        """Return a family for each metric that has been touched, all at one moment."""
        by_metric: dict[Metric, list[Sample]] = {}
        for sample in self._registry.samples():
            by_metric.setdefault(sample.metric, []).append(sample)
        return [_family(metric, samples) for metric, samples in by_metric.items()]


def written(accept: str = "", registry: Registry = METRICS) -> tuple[bytes, str]:
    """Return everything in the text format that an `Accept` header asks for, and its content type."""
    encode, kind = choose_encoder(accept)
    return encode(Families(registry)), kind


@contextmanager
def listening(host: str, port: int, registry: Registry = METRICS) -> Iterator[int]:
    """Serve `/metrics` on this address; yield the port, which is a free one for 0. Raises OSError."""
    server, thread = start_http_server(port, host, Families(registry))
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _family(metric: Metric, samples: Iterable[Sample]) -> Family:
    kind, question, names = metric.value.kind, metric.value.question, metric.value.labels
    if kind == "histogram":
        histograms = HistogramMetricFamily(metric.exported, question, labels=names)
        for sample in samples:
            if isinstance(sample.value, Histogram):
                histograms.add_metric(sample.labels, sample.value.cumulative(), sample.value.total)
        return histograms
    family = (CounterMetricFamily if kind == "counter" else GaugeMetricFamily)(metric.exported, question, labels=names)
    for sample in samples:
        if isinstance(sample.value, float):
            family.add_metric(sample.labels, sample.value)
    return family
