"""What a statement is: one or several, an INSERT that waits for data, or one that is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streams.devserver.confinement import FIRST_WORDS, Refused
from streams.devserver.lexer import Token, tokens

SYNTAX_ERROR, SUPPORT_IS_DISABLED = 62, 344

_HEAD_BYTES = 64 * 1024  # in which an INSERT's own text must end
_NAME = r'(?:`_*`|"_*"|\w+)'
_INSERT = re.compile(
    rf"""\s*INSERT\s+INTO\s+(?:TABLE\s+)?
    (?:FUNCTION\s+(?P<function>\w+\s*(?P<call>\())|(?P<table>{_NAME}(?:\s*\.\s*{_NAME})?))""",
    re.IGNORECASE | re.VERBOSE,
)
_FIRST = re.compile(r"[\s(]*+(\w+)")
_INLINE = re.compile(r"\bFORMAT\s+\w+[ \t\r;]*(?:\n|(?=[\[{(]))|\bFORMAT\s+\w+\s", re.IGNORECASE)
_WITH_RESULT = frozenset(["check", "desc", "describe", "exists", "explain", "select", "show", "values", "with"])
_TOTALS = re.compile(r"\bWITH\s+TOTALS\b|\bextremes\b", re.IGNORECASE)
_FORMAT = re.compile(r"\bFORMAT\s+\w+\s*(?=\Z|;|SETTINGS\b)", re.IGNORECASE)


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
    """The table, or the table function's call (without the word FUNCTION)."""
    columns: str
    """The list of columns as written, without its parentheses; empty: all."""
    head: str
    """`INSERT INTO target (columns)`."""
    settings: str
    """`SETTINGS ...`, or empty."""
    format: str
    """The format of the data: Values if none is named."""


def mask(query: str) -> str:
    """Return `query` with its quotes and comments blanked; every other character keeps its position."""
    return "".join(_hidden(token, query[token.start : token.end]) for token in tokens(query))


def _hidden(token: Token, raw: str) -> str:
    if token.kind == "string":
        return "'" * len(raw)
    if token.kind == "name":
        return f"{raw[0]}{'_' * (len(raw) - 2)}{raw[0]}"[: len(raw)]
    return " " * len(raw) if token.kind == "blank" and not raw.isspace() else raw


def check(query: str, refused: Refused | None = None) -> None:
    """Raise RefusedError for several statements at once, and for what `refused` names.

    Raises:
        RefusedError: with the reason.
    """
    bare = mask(query)
    if bare.rstrip().rstrip(";").find(";") >= 0:
        raise RefusedError("Multi-statements are not allowed: send one statement at a time", SYNTAX_ERROR)
    if not re.search(r"\w", bare):
        raise RefusedError("Empty query", SYNTAX_ERROR)
    if refused is None:
        return
    first = _FIRST.match(bare)
    if not first or first[1].lower() not in FIRST_WORDS:
        raise RefusedError(f"Syntax error, or not served by hydrometer local: {bare.strip()[:40]}", SYNTAX_ERROR)
    if reason := refused.reason(query):
        raise RefusedError(f"hydrometer local refuses this statement: {reason}", SUPPORT_IS_DISABLED)


def check_values(values: Iterable[str], refused: Refused) -> None:
    """Raise RefusedError when a parameter's value or a database's name is that of the hidden database."""
    if any(refused.hidden in value.lower() for value in values):
        raise RefusedError("hydrometer local refuses this name: it is not for clients", SUPPORT_IS_DISABLED)


def has_result(query: str) -> bool:
    """Return whether `query` is a statement with a result, even an empty one."""
    first = _FIRST.match(mask(query))
    return first is not None and first[1].lower() in _WITH_RESULT


def has_totals(query: str) -> bool:
    """Return whether `query` may have totals or extremes beside its rows."""
    return bool(_TOTALS.search(mask(query)))


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
    target = query[max(start.start("function"), start.start("table")) : end]
    columns = re.compile(r"\s*\(").match(bare, end)
    listed = ""
    if columns:
        close = _closing(bare, columns.end() - 1)
        listed, end = query[columns.end() : close - 1].strip(), close
    tail = _tail(query, end)
    return Insert(target, listed, query[:end].strip(), *tail) if tail else None


def _tail(query: str, start: int) -> tuple[str, str] | None:
    """Return the settings and the format of an INSERT whose table and columns end at `start`; None when more than these follows."""
    rest = query[start:]
    words = (token for token in tokens(rest) if token.kind != "blank")
    settings, word = _settings(rest, words, next(words, None), until=("VALUES", "FORMAT"))
    named = "Values"
    more = ""
    if _word(rest, word) == "FORMAT":
        name = next(words, None)
        if name is None or name.kind != "word":
            return None
        named = rest[name.start : name.end]
        more, word = _settings(rest, words, next(words, None), until=())
    elif _word(rest, word) == "VALUES":
        word = next(words, None)
    if _word(rest, word) == ";":
        word = next(words, None)
    return None if word or "\n" in more else (" ".join(filter(None, (settings, more))), named)


def _settings(query: str, words: Iterator[Token], word: Token | None, until: tuple[str, ...]) -> tuple[str, Token | None]:
    """Return a SETTINGS clause that begins at `word`, empty for none, and the word after it."""
    if word is None or _word(query, word) != "SETTINGS":
        return "", word
    start = word.start
    while word and _word(query, word) not in (*until, ";", "SELECT", "WITH"):
        end = word.end
        word = next(words, None)
    return query[start:end], word


def _word(query: str, token: Token | None) -> str:
    return query[token.start : token.end].upper() if token else ""


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
