"""Log lines at any level contain no secret, no text of a request, and nothing that moves a terminal's cursor.

Libraries quote data: aiohttp the header that it cannot read, Kafka's clients whole records and credentials. Their lines keep the words,
numbers, names of topics and addresses; every other value, and the text of every error, is left out.
"""

from __future__ import annotations

import logging
import math
import re
import traceback
from types import TracebackType
from typing import Any, Final

from streams.core.printable import printable

OWN_LOGGERS: Final = ("streams", "models", "dashboards", "tests", "__main__")
_LAYOUT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,60}(:[0-9]{1,5})?|[0-9.]{7,15}(:[0-9]{1,5})?")
_QUOTED: Final = re.compile(r"""b?'[^']*'|b?"[^"]*"|b'.*|b".*""", re.DOTALL)
_MIN_HIDDEN_CHARACTERS: Final = 6
_MAX_LINE_CHARACTERS: Final = 2_000
_HIDDEN: Final[set[str]] = set()
REPEATED_LINE_SECONDS: Final = 10.0
MAX_REPEATED_LINES: Final = 5
MAX_WORDINGS: Final = 1_000
"""Wordings that are counted at a time; libraries write values into some of them."""


def hide(secret: str) -> None:
    """Replace this value by stars in every log line of this process."""
    if len(secret) >= _MIN_HIDDEN_CHARACTERS:
        _HIDDEN.add(secret)


def configure(*, verbose: bool, quiet: dict[str, int]) -> None:
    """Log to standard error. `verbose` includes debug lines; otherwise `quiet` maps a library to its lowest level."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter(_LAYOUT))
    handler.addFilter(RepeatedLines())
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    if not verbose:
        for library, level in quiet.items():
            logging.getLogger(library).setLevel(level)


class RepeatedLines(logging.Filter):
    """Passes a line of a library, of one logger and wording, MAX_REPEATED_LINES times within REPEATED_LINE_SECONDS, then counts it.

    A client without its broker logs hundreds of equal lines a second.
    """

    def __init__(self) -> None:
        """Start with nothing logged."""
        super().__init__()
        self._logged: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is logged; the first one after a pause says how many were not."""
        if record.name.startswith(OWN_LOGGERS):
            return True
        key = (record.name, str(record.msg))
        since, count = self._logged.get(key, (-math.inf, 0))
        if record.created - since < REPEATED_LINE_SECONDS:
            self._logged[key] = (since, count + 1)
            return count < MAX_REPEATED_LINES
        if count > MAX_REPEATED_LINES:
            record.msg = f"{record.msg} ({count - MAX_REPEATED_LINES} more like it before)"
        if len(self._logged) >= MAX_WORDINGS:
            self._logged.clear()
        self._logged[key] = (record.created, 1)
        return True


class Formatter(logging.Formatter):
    """Formats a record without secrets, data and control characters."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        if not record.name.startswith(OWN_LOGGERS):
            record = _stripped(record)
        line = super().format(record)
        for secret in _HIDDEN:
            line = line.replace(secret, "***")
        return printable(line[:_MAX_LINE_CHARACTERS] if not record.exc_info else line)

    def formatException(self, ei: Any) -> str:  # noqa: N802  (logging's name)
        """Return an error's traceback and type, without its message."""
        kind, _, trace = ei
        return f"{''.join(traceback.format_tb(trace) if isinstance(trace, TracebackType) else [])}{kind.__name__ if kind else 'error'}"


def _stripped(record: logging.LogRecord) -> logging.LogRecord:
    """Return a library's record without its values."""
    clean = logging.makeLogRecord(record.__dict__)
    message = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    given = record.args if isinstance(record.args, tuple) else (record.args,)
    values = {key: _safe(value) for key, value in record.args.items()} if isinstance(record.args, dict) else tuple(map(_safe, given))
    template = _QUOTED.sub("...", message)
    try:
        clean.msg, clean.args = (template % values if record.args else template), ()
    except (TypeError, ValueError, KeyError):
        clean.msg, clean.args = template, ()
    clean.exc_text = clean.stack_info = None
    return clean


def _safe(value: object) -> object:
    if isinstance(value, int | float):
        return value
    if isinstance(value, BaseException):
        return type(value).__name__
    return value if isinstance(value, str) and _NAME.fullmatch(value) else "..."
