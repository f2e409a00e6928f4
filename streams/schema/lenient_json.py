"""Reading what a strict parser refuses and a caller may have caused: a request must not vanish because its parameters are no JSON.

Gateways copy what callers send into their logs. NaN, `1e400`, half a surrogate pair, bytes that are no UTF-8, nesting of any depth and
prompts of any length are the caller's choice; the fields around them are not.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

import orjson

MAX_DEPTH_LEVELS: Final = 64
"""Nesting below which values are read; deeper ones are null."""
_STRING: Final = rb'"[^"\\]*(?:\\.[^"\\]*)*"?'
_TOKEN: Final = re.compile(_STRING + rb"|[\[\]{}]", re.DOTALL)
_TOKEN_OR_COMMA: Final = re.compile(_STRING + rb"|[\[\]{},]", re.DOTALL)
_OPENING, _CLOSING = frozenset(b"[{"), frozenset(b"]}")
_MAX_DOUBLE_DIGITS: Final = 308


def loads(line: bytes) -> Any:
    """Return the value of a JSON text that orjson refused.

    Numbers that no double holds are infinite, what is no number is None, broken text has replacement characters, values nested deeper than
    MAX_DEPTH_LEVELS are None.

    Raises ValueError when it is no JSON all the same.
    """
    clean = _shallow(line.decode(errors="replace").encode())
    try:
        return orjson.loads(clean)
    except orjson.JSONDecodeError:
        value = json.loads(clean, parse_constant=lambda _word: None, parse_int=_whole)
        # a round trip replaces lone surrogates, which no encoder of ours takes
        return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


def closed(line: bytes) -> bytes | None:
    """Return an object that was cut off inside, up to the last of its fields that is whole; None when there is none."""
    depth, end = 0, None
    for token in _TOKEN_OR_COMMA.finditer(line):
        first = line[token.start()]
        depth += (first in _OPENING) - (first in _CLOSING)
        if first == ord(",") and depth == 1:
            end = token.start()
    return line[:end] + b"}" if end is not None and line.lstrip().startswith(b"{") else None


def _shallow(line: bytes) -> bytes:
    """Return a text whose values below MAX_DEPTH_LEVELS are null."""
    depth, kept, start, parts = 0, 0, 0, []
    for token in _TOKEN.finditer(line):
        first = line[token.start()]
        if first in _OPENING:
            depth += 1
            if depth == MAX_DEPTH_LEVELS + 1:
                start = token.start()
        elif first in _CLOSING:
            if depth == MAX_DEPTH_LEVELS + 1:
                parts += [line[kept:start], b"null"]
                kept = token.end()
            depth -= 1
    return b"".join([*parts, line[kept:]]) if parts else line


def _whole(digits: str) -> float:
    return math.inf if len(digits) > _MAX_DOUBLE_DIGITS else int(digits)
