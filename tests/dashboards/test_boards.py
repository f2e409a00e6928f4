"""What holds for every board: whoever adds one, or a panel, or a feature, is checked without a line here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

import pytest

from dashboards import links
from dashboards.board import boards
from dashboards.panel import panels
from dashboards.query import DATASOURCE, TIME_SERIES_FORMAT_ID, variable
from dashboards.rehearsal import Rehearsed
from dashboards.render import GENERATED, stale
from dashboards.screenshots import kind_of
from models.evidence.families import FAMILIES

BOARDS = {name: board.render() for name, board in boards().items()}
UIDS = {board["uid"] for board in BOARDS.values()}
_LINK = re.compile(r"\"url\": \"/d/([\w-]+)\?([^\"]*)")


class Asked(NamedTuple):
    """A query and where it stands."""

    board: str
    where: str
    kind: str
    target: dict[str, Any]


def drawn(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel of a board, those of collapsed rows included."""
    for panel in board["panels"]:
        yield from panel["panels"] if panel["type"] == "row" else [panel]


def asked() -> Iterator[Asked]:
    for name, board in BOARDS.items():
        for panel in drawn(board):
            yield from (Asked(name, panel["title"], panel["type"], target) for target in panel.get("targets", []))
        yield from (
            Asked(name, choice["name"], "variable", choice["query"]) for choice in board["templating"]["list"] if choice["type"] == "query"
        )
        yield from (Asked(name, note["name"], "annotation", note["target"]) for note in board["annotations"]["list"])


ASKED = list(asked())


@pytest.mark.parametrize("one", ASKED, ids=lambda one: f"{one.board}: {one.where} {one.target['refId']}")
def test_every_query_runs_on_clickhouse_and_has_the_shape_of_its_panel(rehearsed: Rehearsed, one: Asked) -> None:
    rows, columns = rehearsed.client.execute(rehearsed.window.expand(one.target["rawSql"]), with_column_types=True)
    kinds = [kind_of(declared) for _, declared in columns]
    names = [name for name, _ in columns]
    match one.kind:
        case "annotation":
            assert dict(zip(names, kinds, strict=True)) == {"time": "time", "text": "text", "tags": "text"}
        case "variable":
            assert 1 <= len(kinds) <= 2, "an id, and a text if it says more"
            assert rows, "a board whose variable has no value shows nothing"
        case "table":
            assert len(set(names)) == len(names) >= 2
        case "stat":
            assert len(rows) <= 1, "a stat is one row"
        case "barchart":
            assert kinds[0] == "text"
            assert {kind for name, kind in zip(names[1:], kinds[1:], strict=True) if name != "path"} == {"number"}
        case _:
            check_series(names, kinds, rows, one)


def check_series(names: list[str], kinds: list[str], rows: list[tuple[Any, ...]], one: Asked) -> None:
    assert kinds.count("time") == 1, "a time series has one time"
    assert "number" in kinds, "a time series has a number"
    labels = [place for place, kind in enumerate(kinds) if kind == "text"]
    panel = next(each for each in drawn(BOARDS[one.board]) if each["title"] == one.where)
    assert len(labels) <= 1 or "displayName" in panel["fieldConfig"]["defaults"], (
        "one label is one name in the legend; of several, say which"
    )
    if labels:
        assert [name for name, kind in zip(names, kinds, strict=True) if kind == "number"] == ["Value"], (
            "Grafana leaves only Value out of a legend"
        )
    moments = [row[kinds.index("time")] for row in rows]
    assert moments == sorted(moments)
    points = [(row[kinds.index("time")], *(row[place] for place in labels)) for row in rows]
    assert len(set(points)) == len(points), "one point a moment and label"


HOSTILE: Final = ("CORP\\alice", "x\\' OR 1=1 -- ", "x' OR 1=1 -- ", "\\", "'", "a+b%27", "東京", "{{case}}$__interval_s")
"""Ids as an operator's customers may choose them, and ids that try to end the string they stand in."""
CHOSEN: Final = [(name, choice["name"]) for name, board in BOARDS.items() for choice in board["templating"]["list"]]


def answers(rehearsed: Rehearsed, board: str, name: str, value: str) -> dict[str, Any]:
    """Return what ClickHouse answers to each query of a board that uses a variable, when it is set to `value`."""
    window = replace(rehearsed.window, variables={**rehearsed.window.variables, name: value})
    used = [one for one in ASKED if one.board == board and f"${{{name}:" in one.target["rawSql"]]
    rows = {f"{one.where} {one.target['refId']}": rehearsed.client.execute(window.expand(one.target["rawSql"])) for one in used}
    return {where: sorted(map(repr, found)) for where, found in rows.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("board", "name"), CHOSEN)
def test_no_value_of_a_variable_shows_more_than_an_unknown_value(rehearsed: Rehearsed, board: str, name: str) -> None:
    nothing = answers(rehearsed, board, name, "nobody-has-this-id")
    assert nothing
    for value in HOSTILE:
        assert answers(rehearsed, board, name, value) == nothing, value


@pytest.mark.parametrize("name", sorted({name for _, name in CHOSEN}))
@pytest.mark.parametrize("value", HOSTILE)
def test_a_variable_reaches_clickhouse_as_it_was_chosen(rehearsed: Rehearsed, name: str, value: str) -> None:
    window = replace(rehearsed.window, variables={name: value})
    assert rehearsed.client.execute(window.expand(f"SELECT {variable(name)}")) == [(value,)]


@pytest.mark.parametrize("value", HOSTILE)
def test_the_rows_of_any_account_are_shown(rehearsed: Rehearsed, value: str) -> None:
    copied = "SELECT * REPLACE(%(account)s AS account_id) FROM hydrometer.requests LIMIT 3"
    rehearsed.client.execute("CREATE TABLE IF NOT EXISTS hydrometer.requests_of_one AS hydrometer.requests")
    rehearsed.client.execute("TRUNCATE TABLE hydrometer.requests_of_one")
    rehearsed.client.execute(f"INSERT INTO hydrometer.requests_of_one {copied}", {"account": value})
    window = replace(rehearsed.window, variables={"account": value})
    count = next(one for one in ASKED if (one.board, one.where) == ("account", "Requests")).target["rawSql"]
    assert rehearsed.client.execute(window.expand(count.replace("hydrometer.requests", "hydrometer.requests_of_one"))) == [(3,)]


def test_generated_files_follow_from_the_declarations() -> None:
    assert stale() == [], "run `make render` and commit dashboards/generated"


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert {name: json.dumps(board.render()) for name, board in boards().items()} == {
        name: json.dumps(board) for name, board in BOARDS.items()
    }


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_says_which_question_it_answers(name: str) -> None:
    for panel in drawn(BOARDS[name]):
        assert panel["description"], f"{panel['title']} says nothing"
        assert "?" in panel["description"] or "Blind to: " in panel["description"], f"{panel['title']} asks no question"


@pytest.mark.parametrize("name", BOARDS)
def test_ids_are_unique_and_panels_do_not_overlap(name: str) -> None:
    ids = [panel["id"] for panel in drawn(BOARDS[name])] + [panel["id"] for panel in BOARDS[name]["panels"] if panel["type"] == "row"]
    assert len(set(ids)) == len(ids)
    cells = [
        (x, y)
        for panel in BOARDS[name]["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("name", BOARDS)
def test_every_query_goes_to_our_data_source_and_every_variable_is_encoded(name: str) -> None:
    chosen = {choice["name"] for choice in BOARDS[name]["templating"]["list"]}
    for one in (each for each in ASKED if each.board == name):
        assert one.target["datasource"] == DATASOURCE
        assert one.target["pluginVersion"]
        assert set(re.findall(r"\$\{(\w+)[^}]*\}", one.target["rawSql"])) <= chosen
        rest = one.target["rawSql"]
        for name_of_variable in chosen:
            rest = rest.replace(variable(name_of_variable), "")
        assert "${" not in rest, "a variable reaches ClickHouse through `query.variable` alone"
    assert {choice["type"] for choice in BOARDS[name]["templating"]["list"]} <= {"query", "custom"}, "never free text"


@pytest.mark.parametrize("name", BOARDS)
def test_every_drill_down_leads_to_a_board_of_ours_and_sets_its_variables(name: str) -> None:
    found = _LINK.findall(json.dumps(BOARDS[name]["panels"]))
    for uid, query in found:
        target = next(board for board in BOARDS.values() if board["uid"] == uid)
        wanted = set(re.findall(r"var-(\w+)=", query))
        assert wanted <= {choice["name"] for choice in target["templating"]["list"]}
    assert {link["url"].removeprefix("/d/") for link in BOARDS[name]["links"]} == UIDS - {BOARDS[name]["uid"]}


@pytest.mark.parametrize("column", ["case_id", "account_id", "router_id", "payment_id", "template_id"])
def test_every_id_in_a_table_can_be_clicked(column: str) -> None:
    for one in (
        each for each in ASKED if each.kind == "table" and re.search(rf"\b{column}\b,", each.target["rawSql"].partition(" FROM ")[0])
    ):
        panel = next(each for each in drawn(BOARDS[one.board]) if each["title"] == one.where)
        override = next(each for each in panel["fieldConfig"]["overrides"] if each["matcher"]["options"] == column)
        assert any(each["id"] == "links" for each in override["properties"]), f"{one.board}: {one.where} has no link on {column}"


_NAMES_ONE: Final = re.compile(r"\b(case_id|entity_id|lower\(hex\(router\)\)) AS |SELECT case_id, |SELECT entity, | AS entity, ")


@pytest.mark.parametrize("kind", ["barchart", "state-timeline"])
def test_every_bar_and_lane_that_names_an_id_can_be_clicked(kind: str) -> None:
    found = [one for one in ASKED if one.kind == kind and _NAMES_ONE.search(one.target["rawSql"])]
    assert found
    for one in found:
        panel = next(each for each in drawn(BOARDS[one.board]) if each["title"] == one.where)
        leads = [each for override in panel["fieldConfig"]["overrides"] for each in override["properties"] if each["id"] == "links"]
        assert leads, f"{one.board}: {one.where} leads nowhere"


@pytest.mark.parametrize(("board", "entity"), [("account", "account"), ("router", "group")])
def test_a_features_panel_appears_by_itself(board: str, entity: str) -> None:
    shown = {panel["title"] for panel in drawn(BOARDS[board])}
    assert {panel.title for panel in panels().values() if panel.feature.entity == entity} <= shown


@pytest.mark.parametrize("name", BOARDS)
def test_cases_and_model_releases_are_noted_on_every_board(name: str) -> None:
    notes = [note["name"] for note in BOARDS[name]["annotations"]["list"]]
    assert notes[:3] == ["Extraction cases", "Routing cases", "Model releases"]


def test_a_case_that_is_noted_can_be_opened(rehearsed: Rehearsed) -> None:
    note = next(one for one in ASKED if one.kind == "annotation" and one.where == "Extraction cases")
    rows = rehearsed.client.execute(rehearsed.window.expand(note.target["rawSql"]))
    assert rows
    assert all(re.match(rf'<a href="/d/{links.CASE}\?var-case=(case-\w+)">\1</a>: ', text) for _, text, _ in rows)


def test_each_family_has_a_column_in_the_case_of_why() -> None:
    why = next(one for one in ASKED if one.board == "case" and one.where.startswith("Score of each linked entity"))
    assert all(f"AS `{family}`" in why.target["rawSql"] for family in FAMILIES)


def test_time_series_are_asked_for_as_such() -> None:
    wide = {"timeseries", "heatmap", "state-timeline"}
    assert all((one.target["format"] == TIME_SERIES_FORMAT_ID) == (one.kind in wide) for one in ASKED)


def test_the_generated_boards_are_read_as_json() -> None:
    assert {json.loads(path.read_text())["uid"] for path in GENERATED.glob("*.json")} >= UIDS


def test_every_innocent_story_is_shown_with_its_reason(rehearsed: Rehearsed) -> None:
    stories = next(one for one in ASKED if one.where == "Does a benign hypothesis explain it?")
    rows = rehearsed.client.execute(rehearsed.window.expand(stories.target["rawSql"]))
    assert rows
    assert ("permitted synthetic data of its own", "does not fit") not in {row[:2] for row in rows}, "only a contract tells"
    assert all(hypothesis and because and fits in {"fits", "cannot be told", "does not fit"} for hypothesis, fits, because in rows)


def test_a_feature_without_a_last_week_has_not_moved(rehearsed: Rehearsed) -> None:
    drift = next(one for one in ASKED if one.where == "Distributions against last week")
    rows = rehearsed.client.execute(rehearsed.window.expand(drift.target["rawSql"]))
    assert rows
    assert {row[4:] for row in rows} == {(None, None, None, None)}, "the rehearsal is two days long"


_DECIDED: Final = """
INSERT INTO hydrometer.enforcement (decision_id, time, state, case_id, step, measure, author, approver, starts, expires, payload)
SELECT '{name}', now() - {age}, '{state}', 'case-1', 'L3', 'suspend_key', 'ada', 'bob', now() - 60, now() + {left},
    '{{"members": {{"a-1": [], "{name}": []}}}}'
"""


def test_a_decision_is_shown_as_it_is_now_by_its_newest_version(rehearsed: Rehearsed) -> None:
    versions = [
        ("d-force", 20, "proposed", 60),
        ("d-force", 10, "approved", 60),
        ("d-waits", 9, "proposed", 60),
        ("d-past", 9, "approved", -1),
    ]
    versions += [("d-undone", 9, "approved", 60), ("d-undone", 8, "undone", 60)]
    for name, age, state, left in versions:
        rehearsed.client.execute(_DECIDED.format(name=name, age=age, state=state, left=left))
    answered = {
        one.where: rehearsed.client.execute(rehearsed.window.expand(one.target["rawSql"])) for one in ASKED if one.board == "enforcement"
    }
    assert [(row[12], row[4], row[5]) for row in answered["Decisions"]] == [
        ("d-force", "in force", 2),
        ("d-waits", "waits", 2),
        ("d-past", "expired", 2),
        ("d-undone", "undone", 2),
    ]
    counted = ("Decisions in force", "Accounts under a decision", "Waiting for an approval", "End within a day")
    assert [answered[title] for title in counted] == [[(1,)], [(2,)], [(1,)], [(1,)]]
    of_case = next(one for one in ASKED if one.board == "case" and one.where == "Decisions to enforce")
    window = replace(rehearsed.window, variables={**rehearsed.window.variables, "case": "case-1"})
    assert len(rehearsed.client.execute(window.expand(of_case.target["rawSql"]))) == 4
