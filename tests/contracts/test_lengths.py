"""A module fits in a head: at most MAX_LINES, and those that are longer are listed, and the list only shrinks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
ROOMS: Final = ("streams", "models", "dashboards")
MAX_LINES: Final = 400
MAX_LISTED_LINES: Final = 550
LONGER: Final = frozenset(
    [
        "dashboards/boards/case.py",
        "dashboards/boards/oncall.py",
        "dashboards/views.py",
        "streams/core/settings.py",
        "streams/intake/collector.py",
        "streams/intake/http.py",
        "streams/schema/blocks.py",
        "streams/schema/cases.py",
        "streams/schema/event.py",
        "streams/worker/engine.py",
        "streams/worker/table.py",
    ]
)
"""Modules to be divided: a board is one list of panels, and a table of settings, fields or records is read by search."""


def lengths() -> dict[str, int]:
    """Return the number of lines of each module."""
    paths = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n") for path in paths}


def test_no_module_is_longer_than_a_head_can_hold_but_those_that_wait_to_be_divided() -> None:
    longer = {module: lines for module, lines in lengths().items() if lines > MAX_LINES}
    assert longer.keys() - LONGER == set(), f"over {MAX_LINES} lines: divide it by what its parts do"
    assert LONGER - longer.keys() == set(), "short enough now: take it off the list"


def test_no_module_that_waits_grows_beyond_a_limit() -> None:
    assert {module: lines for module, lines in lengths().items() if lines > MAX_LISTED_LINES} == {}
