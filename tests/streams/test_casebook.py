"""Cases on a terminal, read from ClickHouse as the pipeline wrote them."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from itertools import islice
from pathlib import Path

import numpy as np
import orjson
import pytest
from click.testing import CliRunner
from pydantic import SecretStr
from rich.console import Console

from streams import casebook, migrate, topics
from streams.casebook import CaseRow, UnknownCaseError
from streams.cli import cli
from streams.collect import read_files
from streams.demo.traffic import demo_traffic
from streams.replay import Replay
from streams.settings import Settings
from streams.sinks import rows
from streams.sinks.clickhouse import ClickHouse
from streams.testing import local_clickhouse


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    with local_clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
        password = SecretStr(server.password)
        settings = Settings(mode="local", clickhouse_port=server.port, clickhouse_user=server.user, clickhouse_password=password)
        migrate.run(settings)
        yield settings


@pytest.fixture(scope="module")
def clickhouse(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    """The cases of 8,000 demonstration events."""
    log: Path = tmp_path_factory.mktemp("log") / "events.jsonl"
    log.write_bytes(b"\n".join(islice(demo_traffic(accounts=600, events=20_000).lines(), 8_000)))
    replay = Replay(settings.partitions, settings.seal_key.get_secret_value().encode())
    replay.feed(read_files([log], settings))
    gateway = ClickHouse(settings)
    records = [rows.Record(topics.CASES, 0, offset, 1.7e9, orjson.dumps(case), {}) for offset, case in enumerate(replay.cases)]
    for insert in rows.inserts(topics.CASES, records):
        gateway.insert(insert.table, insert.columns, "cases")
    yield gateway
    gateway.close()


def printed(found: object) -> str:
    paper = StringIO()
    Console(width=160, file=paper).print(found)
    return paper.getvalue()


def test_open_cases_come_with_the_most_evidence_first(clickhouse: ClickHouse) -> None:
    cases = casebook.newest(clickhouse)
    assert {case.state for case in cases} == {"open"}
    extraction = [case.evidence for case in cases if case.behaviour == "extraction"]
    assert extraction
    assert list(np.sort(extraction)[::-1]) == extraction


def test_resolved_cases_are_listed_on_demand(clickhouse: ClickHouse) -> None:
    every, opened = casebook.newest(clickhouse, every=True), casebook.newest(clickhouse)
    assert {case.case_id for case in opened} <= {case.case_id for case in every}


def test_the_beginning_of_an_id_finds_a_case(clickhouse: ClickHouse) -> None:
    case = casebook.newest(clickhouse)[0]
    assert casebook.find(clickhouse, case.case_id[:-2]) == casebook.find(clickhouse, case.case_id) == case


@pytest.mark.parametrize(("name", "message"), [("case-nowhere", "no case begins"), ("case-", "more than one case begins")])
def test_an_id_that_names_no_single_case_says_so(clickhouse: ClickHouse, name: str, message: str) -> None:
    with pytest.raises(UnknownCaseError, match=message):
        casebook.find(clickhouse, name)


def test_a_panel_says_who_why_what_speaks_against_it_and_what_next(clickhouse: ClickHouse) -> None:
    case = casebook.newest(clickhouse)[0]
    text = printed(casebook.panel(case))
    for word in ("who", "why", "evidence", "against", "if wrong", "next", case.case_id, f"{case.accounts:,} accounts"):
        assert word in text


def test_a_case_file_names_members_links_and_how_to_decide(clickhouse: ClickHouse) -> None:
    case = casebook.newest(clickhouse)[0]
    text = printed(casebook.file(case))
    strongest = max(case.payload["members"].items(), key=lambda item: item[1]["extraction"])[1]["extraction"]
    assert f"{strongest:.1f} nats" in text
    assert case.payload["links"][0]["entity"] in text
    assert f"hydrometer label case {case.case_id}" in text


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    return {
        "HYDROMETER_MODE": "local",
        "HYDROMETER_CLICKHOUSE_PORT": str(settings.clickhouse_port),
        "HYDROMETER_CLICKHOUSE_PASSWORD": settings.clickhouse_password.get_secret_value(),
    }


def test_the_command_lists_and_shows(clickhouse: ClickHouse, environment: dict[str, str]) -> None:
    case: CaseRow = casebook.newest(clickhouse)[0]
    runner = CliRunner(env=environment)
    listed = runner.invoke(cli, ["case", "list", "--all"])
    assert case.case_id in listed.output
    shown = runner.invoke(cli, ["case", "show", case.case_id])
    assert "if wrong" in shown.output
    as_json = orjson.loads(runner.invoke(cli, ["case", "show", case.case_id, "--json"]).output)
    assert as_json["case_id"] == case.case_id
    assert as_json["payload"]["members"] == case.payload["members"]
