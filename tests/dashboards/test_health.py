from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dashboards import health
from dashboards.macros import Window
from streams.clickhouse import migrate
from streams.telemetry.metrics import Metric
from streams.testing.builders import driver, local_clickhouse

HOUR = Window(start=1_795_262_400, end=1_795_266_000, interval=60)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A counter that starts anew with a second instance, and two partitions of a gauge; a report every 10 s from 12:00."""
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    folder: Path = tmp_path_factory.mktemp("health")
    with local_clickhouse(folder) as server:
        settings = server.settings()
        migrate.run(settings)
        with driver(server) as connected:
            for instance, second, value in (("one", 0, 100), ("one", 10, 160), ("one", 20, 180), ("two", 30, 0), ("two", 40, 40)):
                _report(connected, instance, second, Metric.TICKS, {"agent": "accounts"}, value)
            for second, partition, value in ((0, 0, 9), (10, 0, 2), (10, 1, 3)):
                _report(connected, "one", second, Metric.LAG, {"topic": "requests", "partition": str(partition)}, value)
            yield connected


def _report(client: Any, instance: str, second: int, metric: Metric, labels: dict[str, str], value: float) -> None:
    row = (datetime.fromtimestamp(HOUR.start + second, UTC), "worker", instance, metric.exported, labels, float(value))
    client.execute("INSERT INTO hydrometer.health (time, process, instance, metric, labels, value) VALUES", [row])


def asked(client: Any, sql: str) -> list[Any]:
    return [row[1:] if len(row) > 1 else row[0] for row in client.execute(HOUR.expand(sql))]


def test_a_rate_counts_what_each_instance_added_and_no_restart(client: Any) -> None:
    assert asked(client, health.rate(Metric.TICKS, "agent")) == [("accounts", (60 + 20 + 40) / 60)]


def test_an_increase_is_over_the_whole_range(client: Any) -> None:
    assert asked(client, health.increase(Metric.TICKS)) == [120]


def test_a_series_may_be_named(client: Any) -> None:
    assert asked(client, health.rises(Metric.TICKS, "agent", named="ticks of")) == [("ticks of accounts", 120)]


def test_a_total_adds_up_the_last_values_of_all_partitions(client: Any) -> None:
    assert asked(client, health.total(Metric.LAG, "topic")) == [("requests", 2 + 3)]


def test_a_gauge_shows_the_worst(client: Any) -> None:
    assert asked(client, health.gauge(Metric.LAG, "topic")) == [("requests", 9)]


def test_the_last_value_is_silent_when_nobody_reports(client: Any) -> None:
    assert asked(client, health.last(Metric.LAG, "sum")) == [5]
    assert asked(client, health.last(Metric.FUSE_BLOWN)) == []
