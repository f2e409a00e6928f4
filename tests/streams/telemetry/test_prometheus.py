from __future__ import annotations

import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.telemetry.metrics import Metric, Registry
from streams.telemetry.prometheus import listening, written


@pytest.fixture
def registry() -> Registry:
    return Registry()


def text(registry: Registry) -> str:
    return written(registry=registry)[0].decode()


def scraped(port: int, accept: str = "text/plain") -> tuple[str, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read().decode(), answer.headers["Content-Type"]


def test_prometheus_reads_counters(registry: Registry) -> None:
    registry.add(Metric.ROWS_WRITTEN, 1_234_567, table='odd"name\n')
    assert text(registry) == (
        "# HELP hydrometer_rows_written_total How many rows reach each table?\n"
        "# TYPE hydrometer_rows_written_total counter\n"
        'hydrometer_rows_written_total{table="odd\\"name\\n"} 1.234567e+06\n'
    )


def test_prometheus_reads_cumulative_buckets(registry: Registry) -> None:
    for seconds in (0.001, 0.02, 99.0):
        registry.observe(Metric.AGENT_SECONDS, seconds, agent="accounts")
    assert 'hydrometer_agent_seconds_bucket{agent="accounts",le="0.001"} 1.0\n' in text(registry)
    assert 'hydrometer_agent_seconds_bucket{agent="accounts",le="30.0"} 2.0\n' in text(registry)
    assert 'hydrometer_agent_seconds_bucket{agent="accounts",le="+Inf"} 3.0\n' in text(registry)
    assert 'hydrometer_agent_seconds_sum{agent="accounts"} 99.021\n' in text(registry)


def test_an_http_request_reads_the_numbers_that_clickhouse_gets(registry: Registry) -> None:
    registry.add(Metric.TICKS, 3, agent="accounts")
    registry.set(Metric.LAG, 7, agent="accounts", topic="requests", partition=1)
    registry.observe(Metric.AGENT_SECONDS, 0.02, agent="groups")
    with listening("127.0.0.1", 0, registry) as port:
        found = {
            (sample.name.removesuffix("_total"), *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(scraped(port)[0])
            for sample in family.samples
            if not sample.name.endswith("_bucket")
        }
    rows = registry.rows(1_767_225_600.0, "worker", "a")
    assert found == {(row.metric, *sorted(row.labels.items())): row.value for row in rows if not row.metric.endswith(("_p50", "_p99"))}
    assert len(found) == 4


def test_who_asks_for_openmetrics_gets_it(registry: Registry) -> None:
    registry.add(Metric.TICKS, agent="accounts")
    with listening("127.0.0.1", 0, registry) as port:
        body, kind = scraped(port, "application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")


def test_nobody_listens_any_more_afterwards(registry: Registry) -> None:
    with listening("127.0.0.1", 0, registry) as port:
        assert scraped(port)
    with pytest.raises(OSError, match="refused"):
        scraped(port)


@pytest.mark.parametrize("metric", Metric)
def test_every_metric_can_be_written(registry: Registry, metric: Metric) -> None:
    labels: dict[str, str | int] = dict.fromkeys(metric.value.labels, "x")
    match metric.value.kind:
        case "counter":
            registry.add(metric, 1.0, **labels)
        case "gauge":
            registry.set(metric, 1.0, **labels)
        case "histogram":
            registry.observe(metric, 1.0, **labels)
    [family] = text_string_to_metric_families(text(registry))
    assert family.documentation == metric.value.question
    assert family.type == metric.value.kind
