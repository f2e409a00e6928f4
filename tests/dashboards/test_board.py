from __future__ import annotations

from dashboards.board import Board, Choice, Row, Tile
from dashboards.views import Column, Listing, Stat, Trend, Words

STAT = Stat(title="Open cases", question="How many?", sql="SELECT count() FROM hydrometer.cases")


def board(*rows: Row) -> Board:
    return Board(uid="hydrometer-x", title="X", order=1, question="What?", rows=rows)


def test_panels_fill_a_line_and_go_on_below_the_tallest() -> None:
    tiles = [Tile(STAT, 12, 4), Tile(STAT, 12, 6), Tile(STAT, 8, 3)]
    _, *panels = board(Row("Now", tiles)).render()["panels"]
    assert [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels] == [(0, 1), (12, 1), (0, 7)]


def test_the_next_row_begins_under_the_last_panel() -> None:
    panels = board(Row("Now", [Tile(STAT, 24, 4)]), Row("Then", [Tile(STAT, 24, 2)])).render()["panels"]
    assert [(panel["type"], panel["gridPos"]["y"]) for panel in panels] == [("row", 0), ("stat", 1), ("row", 5), ("stat", 6)]


def test_a_collapsed_row_holds_its_panels_and_takes_one_line() -> None:
    first, second, _ = board(Row("Later", [Tile(STAT, 24, 9)], collapsed=True), Row("Now", [Tile(STAT, 24, 4)])).render()["panels"]
    assert [panel["title"] for panel in first["panels"]] == ["Open cases"]
    assert second["gridPos"]["y"] == 1


def test_ids_are_given_in_reading_order_also_inside_collapsed_rows() -> None:
    row, *_ = board(Row("Later", [Tile(STAT, 8, 4), Tile(STAT, 8, 4)], collapsed=True)).render()["panels"]
    assert [row["id"], *(panel["id"] for panel in row["panels"])] == [1, 2, 3]


def test_a_choice_is_a_query_or_a_fixed_list_and_never_free_text() -> None:
    asked = Choice(name="case", label="Case", sql="SELECT case_id FROM hydrometer.cases").render()
    fixed = Choice(name="kind", label="Kind", fixed=[("card", "payment")]).render()
    assert (asked["type"], asked["query"]["rawSql"]) == ("query", "SELECT case_id FROM hydrometer.cases")
    assert (fixed["type"], fixed["current"]) == ("custom", {"text": "card", "value": "payment", "selected": True})


def test_a_statement_stands_on_one_line() -> None:
    trend = Trend(title="t", question="q", sql="SELECT\n    1").render(1, 0, 0, 8, 8)
    assert trend["targets"][0]["rawSql"] == "SELECT 1"


def test_a_column_says_how_it_is_shown() -> None:
    override = Column(title="Case", unit="s", width=80).override("case_id")
    assert override["matcher"] == {"id": "byName", "options": "case_id"}
    shown = {"displayName": "Case", "unit": "s", "custom.width": 80}
    assert {each["id"]: each["value"] for each in override["properties"]} == shown


def test_what_an_empty_table_says_stays_out_of_its_cells() -> None:
    rendered = Listing(title="t", question="q", sql="SELECT 1", empty="No case is open.").render(1, 0, 0, 8, 8)["fieldConfig"]
    assert rendered["defaults"]["noValue"] == "No case is open."
    assert rendered["overrides"][0]["properties"] == [{"id": "noValue", "value": ""}]


def test_thresholds_drawn_as_lines_stay_in_sight() -> None:
    steps = ((None, "green"), (15.0, "red"))
    custom = Trend(title="t", question="q", sql="SELECT 1", steps=steps, bars_at=True).render(1, 0, 0, 8, 8)["fieldConfig"]["defaults"][
        "custom"
    ]
    assert (custom["thresholdsStyle"], custom["axisSoftMax"]) == ({"mode": "dashed"}, 15.0)


def test_words_ask_nothing() -> None:
    assert "targets" not in Words(title="t", question="q", markdown="*how*").render(1, 0, 0, 8, 8)
