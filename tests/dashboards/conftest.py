"""The demonstration's traffic in a local ClickHouse, once for the folder: what every board is asked about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards.macros import Window
from dashboards.rehearsal import Rehearsed, rehearse
from dashboards.screenshots import choices
from streams.demo.traffic import SPAN_SECONDS
from streams.testing.builders import driver, local_clickhouse


@pytest.fixture(scope="session")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    """The first 8,000 requests of two days, a third of the demonstration's: by then there are cases of both kinds."""
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    folder: Path = tmp_path_factory.mktemp("boards")
    with local_clickhouse(folder) as server:
        settings = server.settings(partitions=2)
        began = rehearse(settings, events=20_000, first=8_000)
        with driver(server) as client:
            yield Rehearsed(client, Window(began, began + SPAN_SECONDS, 600, choices(client, began, began + SPAN_SECONDS)))
