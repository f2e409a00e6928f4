"""Tables for spreadsheets (CSV, RFC 4180): what strangers wrote is text in every cell, in every locale.

A spreadsheet runs a cell that begins with a sign of formulas, also after blanks or a byte order mark, and in Asian locales in full width.
Where the comma is the decimal sign, the semicolon parts cells, and quotes of a cell that is not the first protect nothing.
Source: OWASP, CSV injection.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

_FORMULA: Final = re.compile('(?:^|[;,\t\r\n])[\\s\ufeff\u200b"]*(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])')
"""What stands before a sign of formulas at the start of a cell, also of a cell that another delimiter would make of this one."""


def table(rows: Iterable[Sequence[Any]]) -> str:
    r"""Return rows as CSV. An apostrophe precedes each sign that a spreadsheet would run; numbers stay numbers.

    >>> table([("account", -1.5), ("=1+1", None)])
    '"account","-1.5"\n"\'=1+1",""\n'
    """
    paper = io.StringIO()
    csv.writer(paper, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([_inert(cell) for cell in row] for row in rows)
    return paper.getvalue()


def _inert(cell: Any) -> Any:
    return _FORMULA.sub(lambda before: f"{before[0]}'", cell) if isinstance(cell, str) else cell
