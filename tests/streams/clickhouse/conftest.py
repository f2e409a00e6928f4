"""One local ClickHouse for the folder, a database of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from streams.clickhouse import migrate
from streams.clickhouse.client import ClickHouse
from streams.core.settings import Settings
from streams.devserver.process import LocalClickHouse
from streams.testing.builders import local_clickhouse

_numbers = count()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClickHouse]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    folder: Path = tmp_path_factory.mktemp("clickhouse")
    with local_clickhouse(folder) as running:
        yield running


@pytest.fixture
def settings(server: LocalClickHouse) -> Settings:
    return server.settings(clickhouse_database=f"test_{next(_numbers)}")


@pytest.fixture
def clickhouse(settings: Settings) -> Iterator[ClickHouse]:
    migrate.run(settings)
    gateway = ClickHouse(settings)
    yield gateway
    gateway.close()
