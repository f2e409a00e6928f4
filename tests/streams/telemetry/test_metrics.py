from __future__ import annotations

import pytest

from streams.schema.reports import HealthRow
from streams.telemetry.metrics import Metric, Registry


@pytest.fixture
def registry() -> Registry:
    return Registry()


def test_a_counter_adds_up_per_label(registry: Registry) -> None:
    registry.add(Metric.EVENTS_ACCEPTED, 3, source="http")
    registry.add(Metric.EVENTS_ACCEPTED, source="http")
    registry.add(Metric.EVENTS_ACCEPTED, source="files")
    assert registry.value(Metric.EVENTS_ACCEPTED, source="http") == 4


def test_a_gauge_keeps_the_last_value(registry: Registry) -> None:
    registry.set(Metric.STATE_BYTES, 7, agent="accounts", partition=0)
    registry.set(Metric.STATE_BYTES, 5, agent="accounts", partition=0)
    assert registry.value(Metric.STATE_BYTES, agent="accounts", partition=0) == 5


def told(registry: Registry) -> dict[str, float]:
    return {row.metric: row.value for row in registry.rows(60.0, "worker", "a")}


def test_a_partition_that_moved_away_is_forgotten_and_totals_stay(registry: Registry) -> None:
    registry.set(Metric.STATE_BYTES, 7, agent="accounts", partition=0)
    registry.set(Metric.ENTITIES, 2, agent="accounts", partition=1)
    registry.add(Metric.TICKS, 3, agent="accounts")
    with registry.renewing_partitions():
        registry.set(Metric.ENTITIES, 2, agent="accounts", partition=1)
        assert told(registry) == {"hydrometer_ticks": 3, "hydrometer_entities": 2, "hydrometer_state_bytes": 7}, "nothing is gone yet"
    assert told(registry) == {"hydrometer_ticks": 3, "hydrometer_entities": 2}


def test_a_metric_that_is_forgotten_is_spoken_of_again_once_it_is_set(registry: Registry) -> None:
    registry.set(Metric.FEED_SILENCE, 7, feed="http")
    registry.set(Metric.FEED_SILENCE, 7, feed="stdin")
    registry.forget(Metric.FEED_SILENCE)
    registry.set(Metric.FEED_SILENCE, 8, feed="http")
    assert [(row.labels, row.value) for row in registry.rows(60.0, "worker", "a")] == [({"feed": "http"}, 8)]


def test_clickhouse_gets_quantiles_instead_of_buckets(registry: Registry) -> None:
    for seconds in (0.02, 0.02, 0.02, 2.0):
        registry.observe(Metric.INSERT_SECONDS, seconds, table="scores")
    rows = {row.metric: row for row in registry.rows(60.0, "worker", "a")}
    assert rows["hydrometer_insert_seconds_p50"] == HealthRow(
        60.0, "worker", "a", "hydrometer_insert_seconds_p50", {"table": "scores"}, 0.03
    )
    assert rows["hydrometer_insert_seconds_p99"].value == 3.0
    assert rows["hydrometer_insert_seconds_count"].value == 4


def test_a_metric_refuses_labels_and_verbs_that_it_does_not_have(registry: Registry) -> None:
    with pytest.raises(TypeError, match="LAG is a gauge with the labels"):
        registry.add(Metric.LAG, agent="accounts", topic="requests", partition=0)
    with pytest.raises(TypeError, match="LAG is a gauge with the labels"):
        registry.set(Metric.LAG, 1, topic="requests")


@pytest.mark.parametrize("metric", Metric)
def test_every_metric_answers_a_question(metric: Metric) -> None:
    assert "?" in metric.value.question
