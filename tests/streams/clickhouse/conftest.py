"""One local ClickHouse for the folder, and for each test an empty database, or one with our tables and no row."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from streams.clickhouse import migrate
from streams.clickhouse.client import ClickHouse
from streams.core.settings import Settings
from streams.devserver.process import LocalClickHouse
from streams.testing.builders import local_clickhouse

_numbers = count()

LAYOUTS: Final = "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase() ORDER BY name"
FILLED: Final = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND total_rows > 0 AND name != 'migrations'
"""


class Migrated:
    """A database with our tables. To make one takes half a second of CPU, to empty it next to nothing."""

    def __init__(self, server: LocalClickHouse) -> None:
        self._server = server
        self._layouts: list[tuple[object, ...]] = []
        self._settings: Settings | None = None

    def settings(self) -> Settings:
        """Return what reaches the database, made anew if there is none."""
        if self._settings is None:
            self._settings = self._server.settings(clickhouse_database=f"test_{next(_numbers)}")
            migrate.run(self._settings)
            self._layouts = self._ask(LAYOUTS)
        return self._settings

    def empty(self) -> None:
        """Empty all tables; a database of which a test changed more than rows is left behind."""
        if self._ask(LAYOUTS) != self._layouts:
            self._settings = None
            return
        for (table,) in self._ask(FILLED):
            self._ask(f"TRUNCATE TABLE `{table}`")

    def _ask(self, sql: str) -> list[tuple[object, ...]]:
        gateway = ClickHouse(self.settings())
        try:
            return gateway.query(sql)
        finally:
            gateway.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClickHouse]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    folder: Path = tmp_path_factory.mktemp("clickhouse")
    with local_clickhouse(folder) as running:
        yield running


@pytest.fixture(scope="session")
def migrated(server: LocalClickHouse) -> Migrated:
    return Migrated(server)


@pytest.fixture
def settings(server: LocalClickHouse, migrated: Migrated, request: pytest.FixtureRequest) -> Settings:
    if "clickhouse" in request.fixturenames:
        return migrated.settings()
    return server.settings(clickhouse_database=f"test_{next(_numbers)}")


@pytest.fixture
def clickhouse(settings: Settings, migrated: Migrated) -> Iterator[ClickHouse]:
    gateway = ClickHouse(settings)
    yield gateway
    gateway.close()
    migrated.empty()
