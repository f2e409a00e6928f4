"""Every query of every board on a million requests, and what dozens of processes report in two days: under 200 ms each.

A measurement, not a test that CI runs: `make bench-boards`. A busy machine makes any one run slow, so what counts is the quickest of a few,
and a query has ten runs to show once that it can keep the budget.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboards.board import boards
from dashboards.macros import Window
from dashboards.query import Json
from dashboards.rehearsal import Rehearsed, rehearse
from dashboards.screenshots import choices
from streams.clickhouse.health import REPORT_INTERVAL_SECONDS
from streams.demo.traffic import SPAN_SECONDS
from streams.testing.builders import driver, local_clickhouse

pytestmark = pytest.mark.speed

REQUESTS = 1_000_000
EVENTS = 20_000
PROCESSES = 10
"""Processes of whose reports in two days the table `health` is full."""
BUDGET = 0.2
TRIES = 10
RUNS = 3


def targets(board: Json) -> Iterator[tuple[str, Json]]:
    for panel in board["panels"]:
        for each in panel["panels"] if panel["type"] == "row" else [panel]:
            yield from ((each["title"], target) for target in each.get("targets", []))
    yield from ((choice["name"], choice["query"]) for choice in board["templating"]["list"] if choice["type"] == "query")
    yield from ((note["name"], note["target"]) for note in board["annotations"]["list"])


QUERIES = [(name, title, target["rawSql"]) for name, board in boards().items() for title, target in targets(board.render())]


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    """The rehearsal's rows, copied until there are a million requests: each copy has accounts and times of its own."""
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    folder: Path = tmp_path_factory.mktemp("million")
    with local_clickhouse(folder) as server:
        settings = server.settings()
        began = rehearse(settings, events=EVENTS)
        with driver(server) as client:
            for table in ("requests", "scores", "shadow_scores"):
                multiply(client, table, REQUESTS // EVENTS)
            multiply(client, "health", copies_of_health(client))
            yield Rehearsed(client, Window(began, began + SPAN_SECONDS, 600, choices(client, began, began + SPAN_SECONDS)))


def copies_of_health(client: Any) -> int:
    """Return how often the rehearsal's reports make what PROCESSES write in the same time."""
    reports: int = client.execute("SELECT uniqExact(process, time) FROM hydrometer.health")[0][0]
    return round(PROCESSES * SPAN_SECONDS / REPORT_INTERVAL_SECONDS / reports)


def multiply(client: Any, table: str, times: int) -> None:
    """Copy a table's rows `times - 1` times, under other ids and a little later, and merge its parts."""
    found = client.execute(
        "SELECT name FROM system.columns WHERE database = 'hydrometer' AND table = %(table)s AND default_kind != 'EPHEMERAL'",
        {"table": table},
    )
    names = [name for (name,) in found]
    changed = {
        "account_id": "concat(account_id, '-', toString(copy))",
        "event_id": "concat(event_id, '-', toString(copy))",
        "entity_id": "if(entity_kind = 'account', concat(entity_id, '-', toString(copy)), entity_id)",
        "instance": "concat(instance, '-', toString(copy))",
        "time": "time + toIntervalMillisecond(37 * copy)",
    }
    columns = ", ".join(changed.get(name, name) for name in names)
    copies = f"(SELECT number + 1 AS copy FROM numbers({times - 1})) AS copies"  # noqa: S608 (all of it is ours)
    made = f"SELECT {columns} FROM hydrometer.{table} AS kept CROSS JOIN {copies}"  # noqa: S608
    client.execute(f"INSERT INTO hydrometer.{table} ({', '.join(names)}) {made}")
    client.execute(f"OPTIMIZE TABLE hydrometer.{table} FINAL")


def quickest(client: Any, sql: str) -> float:
    """Return the seconds of the quickest run, of three at least, and of more as long as none keeps the budget."""
    best = float("inf")
    for run in range(TRIES):
        began = time.perf_counter()
        client.execute(sql)
        best = min(best, time.perf_counter() - began)
        if run + 1 >= RUNS and best < BUDGET:
            break
    return best


@pytest.mark.timeout(600)
def test_every_query_answers_within_200_ms_on_a_million_requests(million: Rehearsed) -> None:
    assert million.client.execute("SELECT count() FROM hydrometer.requests")[0][0] >= REQUESTS
    took = {f"{board}: {title}": quickest(million.client, million.window.expand(sql)) for board, title, sql in QUERIES}
    slowest = dict(sorted(((name, round(seconds, 3)) for name, seconds in took.items()), key=lambda pair: -pair[1])[:10])
    Path("build").mkdir(exist_ok=True)
    Path("build/boards-speed.json").write_text(json.dumps({"queries": len(QUERIES), "slowest": slowest}, indent=2) + "\n")
    assert max(took.values()) < BUDGET, slowest
