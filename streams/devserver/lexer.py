"""Tokens of a ClickHouse statement, in one pass whose time grows with the statement's length and no faster.

Source: ClickHouse `Lexer.cpp`. A difference from the engine's lexer would let a statement hide something in what only we take for a string.
"""

# ruff: noqa: RUF001 - these are quotes to ClickHouse, too

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, cast

Kind = Literal["blank", "string", "name", "word", "other"]
"""Blanks and comments; string literals and here-documents; quoted names; bare words and numbers; every other character."""

# An alternative never gives characters back (`*+`, `++`), and each quote that is never closed runs to the end.
_LEXEME = re.compile(
    r"""(?P<nested>/\*)
    |(?P<string>'(?:[^'\\]++|\\.|'')*+(?:'|\\?\Z)|‘[^’]*+(?:’|\Z))
    |(?P<name>`(?:[^`\\]++|\\.|``)*+(?:`|\\?\Z)|"(?:[^"\\]++|\\.|"")*+(?:"|\\?\Z)|“[^”]*+(?:”|\Z))
    |(?P<dollar>\$(?:\w[\w$]*+)?)
    |(?P<word>[A-Z_a-z][\w$]*+|\d\w*+)
    |(?P<blank>(?:--|//|\#[ !])[^\n]*+|(?:[\s\x1c-\x1f]|(?![‘“])[^\x00-\x7f])++)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_MEANINGS = {"b": "\b", "f": "\f", "r": "\r", "n": "\n", "t": "\t", "0": "\0", "a": "\a", "v": "\v", "e": "\x1b"}


class Token(NamedTuple):
    """A token's kind, and where it is: `query[start:end]`."""

    kind: Kind
    start: int
    end: int


def tokens(query: str) -> Iterator[Token]:
    """Yield the tokens of `query`; together they are the whole of it."""
    documents = _documents(query) if "$" in query else {}
    position = 0
    while found := _LEXEME.match(query, position):
        kind, end = str(found.lastgroup), found.end()
        if kind == "nested":
            kind, end = "blank", _comment_end(query, end)
        elif kind == "dollar":
            kind, end = ("string", documents[position]) if position in documents else ("word", end)
        yield Token(cast("Kind", kind), position, end)
        position = end


def unescaped(literal: str) -> str:
    """Return what a quoted literal or name means; a bare word means itself."""
    if literal[:1] == "$":
        return literal.split("$", 2)[2].rpartition("$")[0].rpartition("$")[0] if literal.count("$") > 3 else literal  # noqa: PLR2004 (two tags)
    quote = literal[:1]
    if quote not in "'`\"‘“" or len(literal) < 2:  # noqa: PLR2004 (a pair of quotes)
        return literal
    return _ESCAPE.sub(_meaning, literal[1:-1].replace(quote * 2, quote))


def _meaning(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else _MEANINGS.get(escape[2], escape[2])


def _comment_end(query: str, position: int) -> int:
    """Return the end of a comment, in which comments nest."""
    depth = 1
    for mark in _COMMENT_MARK.finditer(query, position):
        depth += 1 if mark[0] == "/*" else -1
        if not depth:
            return mark.end()
    return len(query)


def _documents(query: str) -> dict[int, int]:
    """Return start and end of everything that can be a here-document: `$tag$ ... $tag$`."""
    dollars = [found.start() for found in re.finditer(r"\$", query)]
    tags = [query[start : end + 1] for start, end in itertools.pairwise(dollars)]
    nearest: dict[str, int] = {}
    ends: dict[int, int] = {}
    for index in range(len(tags) - 3, -1, -1):
        nearest[tags[index + 2]] = index + 2
        if tags[index] in nearest:
            ends[dollars[index]] = dollars[nearest[tags[index]] + 1] + 1
    return ends
