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
# possessive quantifiers (`*+`) keep no memory of a string's every escape
STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
"""A string of JSON, also one that was cut off, as a pattern (with DOTALL)."""
_TEXT: Final = re.compile(STRING, re.DOTALL)
_HALF_A_CHARACTER: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_HIGH_HALF: Final = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_WHOLE_CHARACTERS: Final = re.compile(
    rb'(?:[^"\\]++|(?!' + _HIGH_HALF + rb")\\u[0-9a-fA-F]{4}|" + _HIGH_HALF + rb"\\u[0-9a-fA-F]{4}|\\[^u])*+", re.DOTALL
)
_JSON_IN_A_TEXT: Final = re.compile(rb'"(?:\s|\\[nrt])*+[{\[]')
_INSIDE_A_CHARACTER: Final = range(0x80, 0xC0)
"""Bytes of UTF-8 that begin no character."""
_TEXT_LIMITS_BYTES: Final = (65_536, 16_384, 4_096, 1_024, 256)
"""How long strings may stay in a text that is too long: the first that is short enough."""
_MAX_TEXT_LEVELS: Final = 3
"""JSON in a text of JSON in a text of JSON: strings within are cut, the text around them stays JSON."""
_TOKEN_OR_COMMA: Final = re.compile(STRING + rb"|[\[\]{},]", re.DOTALL)
_OPENING, _CLOSING = b"[{", b"]}"
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
        if not _HALF_A_CHARACTER.search(clean):
            return value
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


def shortened(text: bytes, most: int, level: int = 0) -> bytes:
    """Return a JSON text with its longest strings cut, so that it has at most so many bytes; more when other things fill it.

    It takes time in proportion to the text. A string that holds JSON, as a log in an envelope does, is cut inside, and stays JSON.

    Args:
        text: What is JSON, or was before somebody cut it off.
        most: Bytes to come down to.
        level: How many texts of JSON this one stands in.
    """
    long = [found.span() for found in _TEXT.finditer(text) if found.end() - found.start() > _TEXT_LIMITS_BYTES[-1]]
    for limit in _TEXT_LIMITS_BYTES:
        if len(text) - sum(max(0, end - start - limit) for start, end in long) <= most:
            break
    parts, kept = [], 0
    for start, end in long:
        if end - start > limit:
            parts += [text[kept:start], _cut(text[start:end], limit, most // 2, level)]
            kept = end
    return b"".join([*parts, text[kept:]])


def _cut(string: bytes, limit: int, most: int, level: int) -> bytes:
    """Return a string, in its quotes, that is cut to a limit; one that holds JSON is shortened inside to `most` bytes, if that goes."""
    if level < _MAX_TEXT_LEVELS and _JSON_IN_A_TEXT.match(string):
        try:
            inside = shortened(orjson.loads(string).encode(), most, level + 1)
            if len(inside) <= most:
                return orjson.dumps(inside.decode(errors="replace"))
        except orjson.JSONDecodeError:
            pass
    while string[limit] in _INSIDE_A_CHARACTER:
        limit -= 1
    return b"".join([b'"', *_WHOLE_CHARACTERS.findall(string, 1, limit)[:1], b'"'])


def _shallow(line: bytes) -> bytes:
    """Return a text whose values below MAX_DEPTH_LEVELS are null.

    >>> _shallow(b'{"[": ' + b"[" * 64 + b"7" + b"]" * 64 + b"}") == b'{"[": ' + b"[" * 63 + b"null" + b"]" * 63 + b"}"
    True
    """
    if line.count(b"[") + line.count(b"{") <= MAX_DEPTH_LEVELS:
        return line
    import numpy as np  # noqa: PLC0415 (`--help` answers at once, without it)

    marks = np.frombuffer(_TEXT.sub(lambda text: b'"' * len(text[0]), line), np.uint8)
    opens, closes = (np.isin(marks, np.frombuffer(kind, np.uint8)) for kind in (_OPENING, _CLOSING))
    depth = np.cumsum(opens.astype(np.int32) - closes)
    starts = np.flatnonzero(opens & (depth == MAX_DEPTH_LEVELS + 1)).tolist()
    ends = np.flatnonzero(closes & (depth == MAX_DEPTH_LEVELS)).tolist()
    kept, parts = 0, []
    for start, end in zip(starts, ends, strict=False):  # the last may be open
        parts += [line[kept:start], b"null"]
        kept = end + 1
    return b"".join([*parts, line[kept:]])


def _whole(digits: str) -> float:
    return math.inf if len(digits) > _MAX_DOUBLE_DIGITS else int(digits)
