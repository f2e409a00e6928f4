"""One local ClickHouse and one broker for the folder; each deployment has databases and a state folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from streams.clickhouse import migrate
from streams.core.settings import Settings
from streams.devserver.process import LocalClickHouse
from streams.testing.builders import embedded_broker, local_clickhouse

_numbers = count()
MakeSettings = Callable[..., Settings]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClickHouse]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    with local_clickhouse(tmp_path_factory.mktemp("clickhouse")) as running:
        yield running


@pytest.fixture
def deployment(server: LocalClickHouse, tmp_path: Path) -> MakeSettings:
    """Return a function that makes the settings of a deployment with our tables, all of the same keys."""

    def make(name: str, *, tables: bool = True, **given: Any) -> Settings:
        own = {"state_dir": tmp_path / name, "clickhouse_database": f"backup_{next(_numbers)}", "partitions": 2}
        settings = server.settings(signing_key="the signing key of these tests", **own, **given)
        if tables:
            migrate.run(settings)
        return settings

    return make


@pytest.fixture
def kafkas() -> Iterator[tuple[str, str]]:
    """Run a broker to save, and one to restore into."""
    with embedded_broker() as before, embedded_broker() as after:
        yield before, after
