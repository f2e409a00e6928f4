"""A minimal SQL scanner: quotes, the start of an INSERT's data, and statements that would break the engine."""

from __future__ import annotations

import re
from dataclasses import dataclass

SYNTAX_ERROR, SUPPORT_IS_DISABLED = 62, 344

_HEAD_BYTES = 64 * 1024  # in which an INSERT's own text must end
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*"|--[^\n]*|\#[ !][^\n]*|/\*.*?\*/""", re.DOTALL)
_NAME = r'(?:`_*`|"_*"|\w+)'
_INSERT = re.compile(
    rf"""\s*INSERT\s+INTO\s+(?:TABLE\s+)?
    (?P<target>FUNCTION\s+\w+\s*(?P<call>\()|{_NAME}(?:\s*\.\s*{_NAME})?)""",
    re.IGNORECASE | re.VERBOSE,
)
_TAIL = re.compile(
    r"""\s*(?P<settings>SETTINGS\s+.*?)?\s*
    (?:(?P<values>VALUES)|FORMAT\s+(?P<format>\w+)(?P<more>\s+SETTINGS\s+[^\n]*?)?)?\s*;?\s*\Z""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_INLINE = re.compile(r"\bFORMAT\s+\w+[ \t\r;]*(?:\n|(?=[\[{(]))|\bFORMAT\s+\w+\s", re.IGNORECASE)
_FORMAT = re.compile(r"\bFORMAT\s+\w+\s*(?=\Z|;|SETTINGS\b)", re.IGNORECASE)
_REFUSED = (
    (re.compile(r"\bENGINE\s*=?\s*[`\"]?Kafka\b", re.IGNORECASE), "ENGINE = Kafka would leave the data directory unopenable"),
    (re.compile(r"\A\W*SYSTEM\s+(?:SHUTDOWN|KILL)\b", re.IGNORECASE), "SYSTEM SHUTDOWN would end the server: send it SIGTERM"),
    (re.compile(r"\bINTO\s+OUTFILE\b", re.IGNORECASE), "INTO OUTFILE would write a file of the server"),
    (re.compile(r"\bFROM\s+INFILE\b", re.IGNORECASE), "FROM INFILE would read a file of the server"),
)


class RefusedError(Exception):
    """A statement that is refused: the client gets ClickHouse's `code` and the reason, and the connection stays open."""

    def __init__(self, message: str, code: int) -> None:
        """Keep ClickHouse's error code."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Insert:
    """An INSERT whose data are sent apart from its text."""

    target: str
    """The table, or the table function's call."""
    columns: str
    """The list of columns as written, without its parentheses; empty: all."""
    head: str
    """`INSERT INTO target (columns)`."""
    settings: str
    """`SETTINGS ...`, or empty."""
    format: str
    """The format of the data: Values if none is named."""


def mask(query: str, *, names: bool = True) -> str:
    """Return `query` with its quotes and comments blanked; every other character keeps its position.

    Args:
        query: one or more statements.
        names: hide quoted names, too, as "_".
    """
    return _QUOTED.sub(lambda quoted: _hidden(quoted[0], names=names), query)


def _hidden(quoted: str, *, names: bool) -> str:
    if quoted[0] == "'":
        return "'" * len(quoted)
    if quoted[0] in '`"':
        return f"{quoted[0]}{'_' * (len(quoted) - 2)}{quoted[0]}" if names else quoted
    return " " * len(quoted)


def check(query: str) -> None:
    """Raise RefusedError for several statements at once, and for those that would break the engine.

    Raises:
        RefusedError: with the reason.
    """
    bare = mask(query)
    if bare.rstrip().rstrip(";").find(";") >= 0:
        raise RefusedError("Multi-statements are not allowed: send one statement at a time", SYNTAX_ERROR)
    if not re.search(r"\w", bare):
        raise RefusedError("Empty query", SYNTAX_ERROR)
    bare = mask(query, names=False)
    for pattern, reason in _REFUSED:
        if pattern.search(bare):
            raise RefusedError(f"hydrometer local refuses this statement: {reason}", SUPPORT_IS_DISABLED)


def without_format(query: str) -> str:
    """Return `query` without its FORMAT clause: over the native protocol the client formats."""
    clauses = list(_FORMAT.finditer(mask(query)))
    return query[: clauses[-1].start()] + query[clauses[-1].end() :] if clauses else query


def insert(query: str) -> Insert | None:
    """Return the parts of an INSERT that waits for data, or None for every other statement."""
    bare = mask(query)
    start = _INSERT.match(bare)
    if not start:
        return None
    end = _closing(bare, start.end() - 1) if start["call"] else start.end()
    target = query[start.start("target") : end]
    columns = re.compile(r"\s*\(").match(bare, end)
    listed = ""
    if columns:
        close = _closing(bare, columns.end() - 1)
        listed, end = query[columns.end() : close - 1].strip(), close
    tail = _TAIL.match(bare, end)
    if not tail:
        return None
    parts = [query[tail.start(part) : tail.end(part)] for part in ("settings", "more") if tail[part]]
    return Insert(target, listed, query[:end].strip(), " ".join(parts).strip(), tail["format"] or "Values")


def _closing(bare: str, opening: int) -> int:
    """Return the position after the parenthesis that closes the one at `opening`."""
    depth = 0
    for position in range(opening, len(bare)):
        depth += (bare[position] == "(") - (bare[position] == ")")
        if not depth:
            return position + 1
    raise RefusedError("Syntax error: an opening parenthesis is never closed", SYNTAX_ERROR)


def inline_data(statement: bytes) -> int | None:
    """Return where the data begin in `INSERT ... FORMAT Name <data>`, or None if `statement` is something else.

    The engine itself would end them at the first empty line, silently.
    """
    head = mask(statement[:_HEAD_BYTES].decode("latin-1"))
    found = _INLINE.search(head) if _INSERT.match(head) else None
    return found.end() if found and found.end() < len(statement) and insert(head[: found.end()]) else None


def quote(value: str) -> str:
    """Return `value` as a string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """Return `name` quoted as an identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def unquote(value: str) -> str:
    """Return what a quoted literal means: one level of quotes and backslashes less. Bare words stay as they are."""
    if len(value) < 2 or value[0] != "'" or value[-1] != "'":  # noqa: PLR2004 - a pair of quotes
        return value
    return re.sub(r"\\(.)", lambda escaped: _ESCAPES.get(escaped[1], escaped[1]), value[1:-1], flags=re.DOTALL)


_ESCAPES = {"b": "\b", "f": "\f", "r": "\r", "n": "\n", "t": "\t", "0": "\0", "a": "\a", "v": "\v"}
