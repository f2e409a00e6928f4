"""Cases on a terminal, read from ClickHouse as the pipeline wrote them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from click.testing import CliRunner
from rich.console import Console

from dashboards.sql import COUNTED, parts
from models.evidence.contributions import OTHER_VERSION
from streams.cases.audit_chain import HistoryCheck, HistoryKey
from streams.cases.hypothesis import WORDS
from streams.cases.views import page as casepage
from streams.cases.views import terminal, verifying
from streams.cases.views.terminal import CaseRow, UnknownCaseError
from streams.cases.views.verifying import BrokenHistoryError
from streams.cli.main import cli
from streams.clickhouse import rows
from streams.clickhouse.client import ClickHouse
from streams.core.errors import HydrometerError
from streams.core.settings import Settings
from streams.exports.ocsf import case_finding
from streams.replay.run import Replay
from streams.schema import topics
from streams.schema.cases import AlertPayload, Case, CasePayload, Link, WeighedEdge
from streams.testing.builders import migrated_clickhouse, signed_case

KEY = HistoryKey(b"the workers' key")
CHECK = HistoryCheck([KEY.public], [KEY])


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    with migrated_clickhouse(tmp_path_factory.mktemp("clickhouse")) as settings:
        yield settings


@pytest.fixture(scope="module")
def clickhouse(settings: Settings, replayed: Replay) -> Iterator[ClickHouse]:
    """The cases of a morning."""
    gateway = ClickHouse(settings)
    values = [signed_case(case, KEY).encode() for case in replayed.cases]
    records = [rows.KafkaRecord(topics.CASES, 0, offset, 1.7e9, value, {}) for offset, value in enumerate(values)]
    for insert in rows.inserts(topics.CASES, records):
        gateway.insert(insert.table, insert.columns, "cases")
    yield gateway
    gateway.close()


def printed(found: object) -> str:
    paper = StringIO()
    Console(width=160, file=paper).print(found)
    return paper.getvalue()


def test_open_cases_come_with_the_most_evidence_first_and_alerts_before_questions(clickhouse: ClickHouse) -> None:
    cases = terminal.newest(clickhouse)
    assert {case.state for case in cases} == {"open"}
    order = [(case.asks, -case.evidence) for case in cases if case.behaviour == "extraction"]
    assert order
    assert sorted(order) == order


def test_resolved_cases_are_listed_on_demand(clickhouse: ClickHouse) -> None:
    every, opened = terminal.newest(clickhouse, with_resolved=True), terminal.newest(clickhouse)
    assert {case.case_id for case in opened} <= {case.case_id for case in every}


def test_the_beginning_of_an_id_finds_a_case(clickhouse: ClickHouse) -> None:
    case = terminal.newest(clickhouse)[0]
    assert terminal.find(clickhouse, case.case_id[:-2]) == terminal.find(clickhouse, case.case_id) == case
    assert terminal.find(clickhouse, case.case_id.removeprefix("case-")[:8]) == case


def test_an_account_was_seen_once_it_was_scored_or_asked(clickhouse: ClickHouse) -> None:
    clickhouse.query("INSERT INTO requests (time, event_id, account_id) VALUES (now(), 'e-1', 'asked')")
    clickhouse.query("INSERT INTO scores (time, entity_kind, entity_id) VALUES (now(), 'router', 'scored')")
    found = [terminal.seen(clickhouse, *entity) for entity in (("account", "asked"), ("router", "scored"), ("router", "asked"))]
    assert found == [True, True, False]


@pytest.mark.parametrize(("name", "message"), [("case-nowhere", "no case begins"), ("case-", "more than one case begins")])
def test_an_id_that_names_no_single_case_says_so(clickhouse: ClickHouse, name: str, message: str) -> None:
    with pytest.raises(UnknownCaseError, match=message):
        terminal.find(clickhouse, name)


def test_a_panel_says_who_why_what_speaks_against_it_and_what_next(clickhouse: ClickHouse) -> None:
    case = terminal.newest(clickhouse)[0]
    text = printed(terminal.panel(case))
    for word in ("who", "why", "evidence", "against", "if wrong", "next", case.case_id, f"{case.accounts:,} accounts"):
        assert word in text


def test_a_case_file_names_members_links_and_how_to_decide(clickhouse: ClickHouse) -> None:
    case = terminal.newest(clickhouse)[0]
    text = printed(terminal.file(case))
    strongest = max(member.extraction for member in case.payload.members.values())
    assert f"{strongest:.1f} nats" in text
    assert case.payload.links[0].entity in text
    assert f"hydrometer label case {case.case_id}" in text


def test_the_rule_that_made_it_an_alert_is_on_the_panel_and_on_the_page(clickhouse: ClickHouse) -> None:
    case = next(case for case in terminal.newest(clickhouse, with_resolved=True) if case.behaviour == "extraction")
    (first, *_) = case.payload.rules
    assert first.accounts > 0
    assert escape(terminal.rule_sentence(first)) in casepage.page(case)
    assert f"{first.name} ({first.accounts:,} account" in printed(terminal.panel(case))


def channel(**told: Any) -> CaseRow:
    """A router of 200 accounts, of which one is alerted itself."""
    member = {"requests": 10.0, "output_tokens": 9.0, "extraction": 1.0, "routing": 8.0, "joined_at": 0.0, "left_at": None}
    payload = {"members": {"ada": member | {"router": "", "payment": ""}}, "members_left_out": 0, "links": [], "features": []}
    payload |= {"families": {"client": 4.0, "content": 0.2}, "counter_evidence": [], "if_wrong": "", "next_step": "", "atlas": []}
    payload |= {"example": None, "label": None} | told
    moment = datetime(2026, 11, 22, 12, tzinfo=UTC)
    typed, figures = msgspec.convert(payload, CasePayload), (200, 10.0, 9.0, 1.0, 12.0)
    return CaseRow("case-1", 1, moment, moment, "open", "routing", "200 accounts.", *figures, muted=False, payload=typed)


def test_a_channel_says_how_many_accounts_it_does_not_list_and_why() -> None:
    said = "1 of 200 accounts is alerted itself; the others use the channel: not accused, and not listed"
    assert said in printed(terminal.file(channel()))
    assert terminal.unlisted(channel(members={})) == "its 200 accounts use the channel: not accused, and not listed"
    assert not terminal.unlisted(replace(channel(), behaviour="extraction"))


def test_a_member_of_a_channel_shows_its_routing_and_what_was_stored_without_it_says_so() -> None:
    assert "ada: 10 requests, 8.0 nats of routing" in printed(terminal.file(channel()))
    old = {"ada": {"joined_at": 0.0, "left_at": None, "requests": 10.0, "extraction": 1.0}}
    assert "ada: 10 requests, 1.0 nats of extraction" in printed(terminal.file(channel(members=old)))


def test_a_story_that_cannot_be_told_is_not_one_that_does_not_fit() -> None:
    checks = [
        {"hypothesis": "gateway", "fits": False, "because": "3 pay"},
        {"hypothesis": "own data", "fits": None, "because": "ask the owner"},
    ]
    said = "no benign explanation fits; cannot be told: own data (ask the owner)"
    assert said in printed(terminal.panel(channel(counter_evidence=checks)))


def test_what_counts_is_a_sum_and_what_does_not_says_why() -> None:
    parts = [{"family": "client", "nats": 8.0, "counted": 8.0}, {"family": "evenness", "nats": 8.0, "counted": 4.0, "why": "counts half"}]
    parts.append({"family": "content", "nats": 5.0, "counted": 0.0, "why": "does not count for routing"})
    score = {"of": "router:aa", "nats": 12.0, "parts": parts, "severity": "medium", "chance": "Not known yet."}
    assert terminal.evidence(channel(score=score, members={})) == (
        "12.0 nats of routing = client +8.0, evenness +4.0 (+8.0: counts half). Not counted: content +5.0 (does not count for routing)"
    )
    assert "medium. Not known yet." in printed(terminal.panel(channel(score=score)))


def test_a_link_that_joined_by_the_same_accounts_does_not_say_that_it_lacks_nats() -> None:
    edges = [WeighedEdge("payment", ["aa"], 2, 3, 0.001, 9.9, "payment")]
    same = Link("extraction:router:aa", 0.0, "", None, same_accounts=0.8, nats=9.9, needed=23.0, edges=edges)
    assert terminal.joined_by(same) == "joined because 80% of the smaller side are the same accounts (50% are needed)"
    rare = msgspec.structs.replace(same, same_accounts=0.1, nats=30.0)
    assert terminal.joined_by(rare) == "joined by links of 30.0 nats (23 are needed); 10% of the smaller side are the same accounts"


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    return {
        "HYDROMETER_MODE": "local",
        "HYDROMETER_CLICKHOUSE_PORT": str(settings.clickhouse_port),
        "HYDROMETER_CLICKHOUSE_PASSWORD": settings.clickhouse_password.get_secret_value(),
    }


def test_the_command_lists_and_shows(clickhouse: ClickHouse, environment: dict[str, str]) -> None:
    case: CaseRow = terminal.newest(clickhouse)[0]
    runner = CliRunner(env=environment)
    listed = runner.invoke(cli, ["case", "list", "--all"])
    assert case.case_id in listed.output
    shown = runner.invoke(cli, ["case", "show", case.case_id])
    assert "if wrong" in shown.output
    as_json = orjson.loads(runner.invoke(cli, ["case", "show", case.case_id, "--json"]).output)
    assert as_json["case_id"] == case.case_id
    assert as_json["payload"]["members"] == orjson.loads(case.stored)["members"]


class Outline(HTMLParser):
    """What a page consists of: its text, its open tags, and what it would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.loads, self.open = "", [""], ["page"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in {"meta", "polyline"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == "polyline" or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def outline(case: CaseRow) -> Outline:
    found = Outline()
    found.feed(casepage.page(case))
    found.close()
    return found


def sent_case(case: CaseRow) -> Case:
    """Return a stored case as it travelled."""
    columns = {name: getattr(case, name) for name in Case.__struct_fields__}
    return Case(**{**columns, "opened_at": case.opened_at.timestamp(), "updated_at": case.updated_at.timestamp()})


def test_terminal_page_board_and_ocsf_show_one_score_that_adds_up(clickhouse: ClickHouse) -> None:
    board = f"SELECT {COUNTED} FROM cases FINAL WHERE case_id = %(case)s"  # noqa: S608 (a constant)
    bars = f"SELECT {parts('counted')} FROM ({board.replace(COUNTED, f'{COUNTED} AS counted')})"  # noqa: S608 (constants)
    for case in terminal.newest(clickhouse, with_resolved=True):
        score = case.payload.score
        counted = {part.family: part.counted for part in score.parts}
        assert OTHER_VERSION not in counted
        assert sum(counted.values()) == pytest.approx(round(score.nats, 1), abs=0.051)
        assert case.evidence == pytest.approx(score.nats, abs=1e-3)
        assert clickhouse.query(board, {"case": case.case_id})[0][0] == pytest.approx(counted, abs=1e-5)
        assert sum(clickhouse.query(bars, {"case": case.case_id})[0]) == pytest.approx(round(score.nats, 1), abs=0.051), "what is drawn"
        text = outline(case).text
        sent = case_finding(sent_case(case), "open")["unmapped"]["score"]
        assert (sent["nats"], {part["family"]: part["counted"] for part in sent["parts"]}) == (score.nats, counted)
        for part in score.parts:
            if part.counted:
                assert f"{part.family} {part.counted:+.1f}" in terminal.evidence(case)
                assert f"{part.family}{part.counted:+.1f}" in text


def test_an_alert_and_its_finding_show_the_alerts_own_score(clickhouse: ClickHouse) -> None:
    for evidence, payload in clickhouse.query("SELECT evidence, payload FROM alerts"):
        score = msgspec.json.decode(payload, type=AlertPayload).score
        assert evidence == pytest.approx(score.nats, abs=1e-3)
        assert sum(part.counted for part in score.parts) == pytest.approx(round(score.nats, 1), abs=0.051)


def test_the_page_of_every_case_is_whole_and_needs_nothing_from_elsewhere(clickhouse: ClickHouse) -> None:
    for case in terminal.newest(clickhouse, with_resolved=True):
        found = outline(case)
        assert found.open == ["page"]
        assert found.loads == [""]
        assert "<script" not in casepage.page(case)


def test_the_page_says_what_the_row_says(clickhouse: ClickHouse) -> None:
    case = terminal.newest(clickhouse)[0]
    text = outline(case).text
    told = case.payload
    for said in (case.title, told.if_wrong, told.ladder.does, told.features[0].sentence, told.history[-1].hash):
        assert said in text
    for check in told.counter_evidence:
        assert f"{check.hypothesis}{WORDS[check.fits]}{check.because}" in text
    assert all(part.why in text and f"{part.nats:+.1f}" in text for part in told.score.parts)
    assert all(account in text for account in list(told.members)[:100])


def test_owners_to_be_warned_are_shown_apart_from_the_members(clickhouse: ClickHouse) -> None:
    case = terminal.newest(clickhouse)[0]
    told = msgspec.structs.replace(case.payload, owners={"victim": next(iter(case.payload.members.values()))})
    warned = replace(case, payload=told)
    assert f"{terminal.OWNERS}: victim" in " ".join(printed(terminal.panel(warned)).replace("│", " ").split())
    page = casepage.page(warned)
    assert page.index(">Accounts (") < page.index(f"{terminal.OWNERS} (1)") < page.index(">victim<")
    assert terminal.OWNERS not in casepage.page(case)


def test_what_accounts_are_called_cannot_become_markup(clickhouse: ClickHouse) -> None:
    case = terminal.newest(clickhouse)[0]
    hostile = "<img src=x onerror=alert(1)>"
    told = msgspec.structs.replace(case.payload, members={hostile: next(iter(case.payload.members.values()))})
    page = casepage.page(replace(case, title=hostile, payload=told))
    assert hostile not in page
    assert page.count("&lt;img src=x") == 2


def test_the_page_names_links_as_a_split_takes_them(clickhouse: ClickHouse) -> None:
    case = terminal.newest(clickhouse)[0]
    routed = msgspec.structs.replace(case.payload, links=[Link("routing:router:775d0f2a55aa1c3e", 0.0, "", None)])
    assert ">router:775d0f2a55aa1c3e<" in casepage.page(replace(case, payload=routed))


def test_the_same_row_gives_the_same_page(clickhouse: ClickHouse) -> None:
    case = terminal.newest(clickhouse)[0]
    assert casepage.page(case) == casepage.page(terminal.find(clickhouse, case.case_id))


def test_the_command_writes_the_page(clickhouse: ClickHouse, environment: dict[str, str], tmp_path: Path) -> None:
    case = terminal.newest(clickhouse)[0]
    result = CliRunner(env=environment).invoke(cli, ["case", "show", case.case_id, "--html", str(tmp_path / "case.html")])
    assert result.output == f"wrote {tmp_path / 'case.html'}\n"
    assert (tmp_path / "case.html").read_text() == casepage.page(case)


def test_a_page_that_cannot_be_written_is_one_line(clickhouse: ClickHouse, environment: dict[str, str], tmp_path: Path) -> None:
    case = terminal.newest(clickhouse)[0]
    with pytest.raises(HydrometerError, match=r"cannot write .*case\.html \(No such file or directory\): choose another file"):
        CliRunner(env=environment).invoke(
            cli, ["case", "show", case.case_id, "--html", str(tmp_path / "no/case.html")], catch_exceptions=False
        )


def test_a_list_of_80_characters_has_room_for_the_reason_and_for_other_programs_a_case_is_a_line(
    clickhouse: ClickHouse, environment: dict[str, str]
) -> None:
    cases = terminal.newest(clickhouse, with_resolved=True)
    paper = StringIO()
    Console(width=80, file=paper).print(terminal.table(cases, 80))
    words = " ".join(paper.getvalue().split())
    assert "requests" not in paper.getvalue().splitlines()[1]  # the heading: no room for that column
    assert cases[0].case_id in words
    assert " accounts behind one " in words
    assert re.search(r"as of \d{4}-\d\d-\d\d \d\d:\d\d \(UTC\)", words)
    listed = CliRunner(env=environment).invoke(cli, ["case", "list", "--all"]).output.splitlines()
    assert all(case.title in next(line for line in listed if case.case_id in line) for case in cases)


def test_every_stored_case_follows_from_its_history(clickhouse: ClickHouse, environment: dict[str, str]) -> None:
    for case in terminal.newest(clickhouse, with_resolved=True):
        assert "versions are signed" in verifying.check(clickhouse, case, CHECK)
    result = CliRunner(env={**environment, "HYDROMETER_HISTORY_PUBLIC_KEY": KEY.public}).invoke(cli, ["case", "verify", case.case_id])
    assert re.search(r"\d+ versions are signed, (\d+) of \1 stored rows were signed and agree; last hash [0-9a-f]{64}", result.output)


def test_a_payload_that_was_changed_after_it_was_stored_is_found(clickhouse: ClickHouse) -> None:
    case = terminal.newest(clickhouse)[0]
    changed = replace(case, stored=orjson.dumps({**orjson.loads(case.stored), "if_wrong": "nothing could go wrong"}))
    with pytest.raises(BrokenHistoryError, match=f"the stored row of version {case.version} differs from its history"):
        verifying.check(clickhouse, changed, CHECK)


@pytest.mark.parametrize(
    "column", [{"title": "a course"}, {"muted": True}, {"requests": 1.0}, {"output_tokens": 1.0}, {"extraction": 0.0}, {"accounts": 1}]
)
def test_a_column_that_was_changed_after_it_was_stored_is_found(clickhouse: ClickHouse, column: dict[str, Any]) -> None:
    case = terminal.newest(clickhouse)[0]
    with pytest.raises(BrokenHistoryError, match=f"the stored row of version {case.version} differs from its history"):
        verifying.check(clickhouse, replace(case, **column), CHECK)


def test_a_case_that_carries_the_history_of_another_is_found(clickhouse: ClickHouse) -> None:
    one, other = terminal.newest(clickhouse, with_resolved=True)[:2]
    swapped = replace(one, payload=other.payload, stored=other.stored)
    with pytest.raises(BrokenHistoryError, match=r"does not hold|does not follow"):
        verifying.check(clickhouse, swapped, CHECK)


def test_a_stored_row_that_was_rewritten_is_found(clickhouse: ClickHouse) -> None:
    case = max(terminal.newest(clickhouse), key=lambda each: each.version)
    row = {**orjson.loads(case.json()), "version": case.version + 1, "requests": 1.0}
    row |= {"opened_at": case.opened_at.timestamp(), "updated_at": case.updated_at.timestamp()}
    record = rows.KafkaRecord(topics.CASES, 0, 10**6, 1.7e9, orjson.dumps(row), {})
    for insert in rows.inserts(topics.CASES, [record]):
        clickhouse.insert(insert.table, insert.columns, "rewritten")
    with pytest.raises(BrokenHistoryError, match=f"version {case.version + 1} is stored, but its history ends at {case.version}"):
        verifying.check(clickhouse, terminal.find(clickhouse, case.case_id), CHECK)
