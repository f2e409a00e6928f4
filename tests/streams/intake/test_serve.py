from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from streams import migrate
from streams.agents.health import publisher
from streams.errors import StoreUnavailableError
from streams.intake.serve import _report
from streams.metrics import METRICS, Metric
from streams.settings import Settings
from streams.sinks.clickhouse import ClickHouse
from streams.testing import local_clickhouse


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    with local_clickhouse(tmp_path) as server:
        password = SecretStr(server.password)
        settings = Settings(mode="local", clickhouse_port=server.port, clickhouse_user=server.user, clickhouse_password=password)
        migrate.run(settings)
        yield settings


async def test_the_last_thing_that_collect_tells_is_that_its_fuse_has_blown(settings: Settings) -> None:
    METRICS.set(Metric.FUSE_BLOWN, 0)
    reporting = asyncio.create_task(_report(publisher(settings, "collect"), every=3600))
    await asyncio.sleep(0)
    METRICS.set(Metric.FUSE_BLOWN, 1)
    reporting.cancel()
    with suppress(asyncio.CancelledError):
        await reporting
    METRICS.set(Metric.FUSE_BLOWN, 0)
    clickhouse = ClickHouse(settings)
    assert clickhouse.query("SELECT process, value FROM health WHERE metric = 'hydrometer_fuse_blown'") == [("collect", 1.0)]
    clickhouse.close()


async def test_a_report_that_is_lost_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    told = threading.Semaphore(0)

    def publish() -> None:
        told.release()
        raise StoreUnavailableError("ClickHouse is away")

    reporting = asyncio.create_task(_report(publish, every=0.01))
    for _ in range(3):
        assert await asyncio.to_thread(told.acquire, timeout=10)
    assert not reporting.done()
    reporting.cancel()
    with suppress(asyncio.CancelledError):
        await reporting
    assert "this report of health is lost: ClickHouse is away" in caplog.text
