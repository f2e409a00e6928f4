"""A table of Markdown has a heading, a rule and a line a row, and no cell ends early."""

from __future__ import annotations

from streams.core.markdown import table


def test_a_table_has_a_heading_a_rule_and_its_rows() -> None:
    assert table(["name", "unit"], [["delay", "s"]]) == "| name | unit |\n| --- | --- |\n| delay | s |\n"


def test_a_bar_within_a_cell_ends_no_cell() -> None:
    assert table(["a"], [["x|y"]]).splitlines()[-1] == "| x\\|y |"


def test_a_table_without_rows_has_its_heading() -> None:
    assert table(["a"], []) == "| a |\n| --- |\n"
