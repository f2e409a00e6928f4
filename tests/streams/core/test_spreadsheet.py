"""A spreadsheet of any locale finds text in every cell, and nothing that it would run."""

from __future__ import annotations

import ast
import csv
import io
from pathlib import Path

import pytest

import streams
from streams.core import spreadsheet
from streams.enforcement.connectors.csv import Connector
from streams.enforcement.orders import Order

ROOM = Path(streams.__file__).parent
RUNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
BLANKS = "\ufeff \t\r\n\u00a0\u200b\u3000"
EVIL = [
    *(f"{before}{sign}1+1" for before in ("", *BLANKS, " \t ") for sign in RUNS),
    'x;=HYPERLINK("http://evil")',
    'x,"=1+1"',
    'x","=1+1',
    "x\n=1+1",
    "x\t=1+1",
    "x\t\r\n;=1+1",
]


def runs(text: str, delimiter: str) -> list[str]:
    """Return the cells that a spreadsheet with this delimiter would run."""
    cells = [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) for cell in row]
    return [cell for cell in cells if cell.lstrip(BLANKS).startswith(RUNS)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("evil", EVIL)
def test_no_text_is_a_formula(evil: str, delimiter: str) -> None:
    order = Order(order_id="0" * 16, measure="ban", rate=0.0, accounts=[evil, "b"], keys=[evil], expires=2e9, notice=evil)
    connector = Connector(Path("never written"))
    assert runs(spreadsheet.table([("account", evil), (evil, 1.5)]), delimiter) == []
    assert runs(connector._text({order.order_id: order}), delimiter) == []


def test_every_text_is_read_back_as_it_was_but_for_the_apostrophe() -> None:
    rows = list(csv.reader(io.StringIO(spreadsheet.table([(evil,) for evil in EVIL]), newline="")))
    assert [cell.replace("'", "") for [cell] in rows] == EVIL
    assert spreadsheet.table([("a-b;c", "x@y.example")]) == '"a-b;c","x@y.example"\n'


def test_there_is_one_writer_of_tables() -> None:
    """Whoever writes CSV by themselves forgets a locale."""
    writers = set()
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("writer", "DictWriter") and ast.unparse(node.value) == "csv":
                writers.add(path.relative_to(ROOM).as_posix())
    assert writers == {"core/spreadsheet.py"}
