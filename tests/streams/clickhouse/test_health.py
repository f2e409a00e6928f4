from __future__ import annotations

import logging
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from streams.clickhouse.client import ClickHouse
from streams.clickhouse.health import LAST_REPORT_SECONDS, report_health, reporting
from streams.core.errors import StoreUnavailableError
from streams.core.settings import Settings
from streams.telemetry.metrics import METRICS, Metric
from streams.testing.builders import migrated_clickhouse


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    with migrated_clickhouse(tmp_path) as settings:
        yield settings


@contextmanager
def a_port() -> Iterator[tuple[socket.socket, int]]:
    """A free port, and the socket that holds it until it is closed."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held, held.getsockname()[1]


def without_clickhouse(port: int) -> Settings:
    return Settings.load({"HYDROMETER_METRICS_PORT": str(port)}, role="kafka")


def test_while_it_works_a_process_answers_over_http() -> None:
    with a_port() as (held, port):
        held.close()
        METRICS.set(Metric.CLOCK_SKEW, 2.5, source="stdin")
        with (
            report_health(without_clickhouse(port), "collect"),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer,
        ):
            assert 'hydrometer_clock_skew{source="stdin"} 2.5\n' in answer.read().decode()


def test_a_port_that_is_taken_stops_no_traffic(caplog: pytest.LogCaptureFixture) -> None:
    done = False
    with a_port() as (held, port):
        held.listen()
        with report_health(without_clickhouse(port), "collect"):
            done = True
    assert done
    assert f"no metrics on 127.0.0.1:{port} (Address already in use): set HYDROMETER_METRICS_PORT to a free port, or to 0" in caplog.text


def test_port_0_listens_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    before = threading.active_count()
    with caplog.at_level(logging.WARNING), report_health(without_clickhouse(0), "collect"):
        assert threading.active_count() == before
    assert caplog.text == ""


def test_metrics_are_served_in_production_and_not_in_local_mode() -> None:
    assert Settings.load({}, role="kafka").metrics_port == 9464
    assert Settings.load({}, role="kafka").metrics_host == "127.0.0.1"
    assert Settings(mode="local").metrics_port == 0


def test_the_last_report_of_a_process_names_why_it_ends(settings: Settings) -> None:
    METRICS.set(Metric.FUSE_BLOWN, 0)
    with suppress(KeyboardInterrupt), report_health(settings, "collect", interval_seconds=3600):
        METRICS.set(Metric.FUSE_BLOWN, 1)
        raise KeyboardInterrupt
    METRICS.set(Metric.FUSE_BLOWN, 0)
    clickhouse = ClickHouse(settings)
    assert clickhouse.query("SELECT process, value FROM health WHERE metric = 'hydrometer_fuse_blown'") == [("collect", 1.0)]
    clickhouse.close()


def test_an_idle_process_still_says_since_when_it_runs(settings: Settings) -> None:
    with report_health(settings, "alerts", interval_seconds=3600):
        pass
    clickhouse = ClickHouse(settings)
    [[age]] = clickhouse.query("SELECT toUnixTimestamp(now()) - value FROM health WHERE metric = 'hydrometer_started'")
    assert -1 <= age < 60
    clickhouse.close()


def test_a_report_that_is_lost_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    came = threading.Semaphore(0)

    def publish() -> None:
        came.release()
        raise StoreUnavailableError("ClickHouse is away")

    with reporting(publish, interval_seconds=0.01):
        assert all(came.acquire(timeout=10) for _ in range(3))
    assert "this health report is lost: ClickHouse is away" in caplog.text


def test_a_clickhouse_that_hangs_holds_up_neither_the_work_nor_its_end() -> None:
    hung = threading.Event()
    began = time.monotonic()
    with reporting(lambda: (hung.wait(60.0), None)[1], interval_seconds=0.01):
        time.sleep(0.05)  # the report hangs by now
    assert time.monotonic() - began < 2 * LAST_REPORT_SECONDS
    hung.set()
