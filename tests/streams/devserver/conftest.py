"""One server a module: starting the engine takes a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_driver import Client

from streams.devserver.process import LocalClickHouse
from streams.testing.builders import driver, local_clickhouse


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalClickHouse]:
    with local_clickhouse(tmp_path_factory.mktemp("local")) as server:
        yield server


@pytest.fixture(params=[False, "lz4"], ids=["plain", "lz4"])
def client(request: pytest.FixtureRequest, clickhouse: LocalClickHouse) -> Iterator[Client]:
    """A driver's client, once without compression and once with LZ4."""
    with driver(clickhouse, compression=request.param) as made:
        yield made
