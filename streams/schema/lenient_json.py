"""Reading what a strict parser refuses and a caller may have caused: a request must not vanish because its parameters are no JSON.

Gateways copy what callers send into their logs. NaN, `1e400`, half a surrogate pair, bytes that are no UTF-8, nesting of any depth and
prompts of any length are the caller's choice; the fields around them are not.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_JSON_DEPTH_LEVELS: Final = 64
"""Nesting below which values are read; deeper ones are null."""
# possessive quantifiers (`*+`) keep no memory of a string's every escape
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
_OPENING, _CLOSING = b"[{", b"]}"
VALUES: Final = b"[{,:"
"""Each value of a JSON text has one of them before it."""
BETWEEN: Final = b" \t\r\n,"
"""What may stand between two values of an array, or of a stream of them."""
_PIECE_BYTES: Final = 512 * 1024
"""Text whose nesting is known at a time: it takes ten times its bytes."""
_MAX_DOUBLE_DIGITS: Final = 308
_LONG_NUMBER: Final = re.compile(rb"(?<!\d)\d{19}")
"""One that 64 bits may not hold."""
_WHOLE_NUMBERS: Final = range(-(1 << 63), 1 << 64)


def loads(line: bytes) -> Any:
    """Return the value of a JSON text that orjson refused.

    Numbers that no double holds are infinite, what is no number is None, broken text has replacement characters, values nested deeper than
    MAX_JSON_DEPTH_LEVELS are None.

    Raises ValueError when it is no JSON all the same.
    """
    clean = line.decode(errors="replace").encode()
    if clean.count(b"[") + clean.count(b"{") > MAX_JSON_DEPTH_LEVELS:
        clean = _shallow(clean, MAX_JSON_DEPTH_LEVELS)
    try:
        return orjson.loads(clean)
    except orjson.JSONDecodeError:
        value = json.loads(clean, parse_constant=lambda _word: None, parse_int=_whole if _LONG_NUMBER.search(clean) else None)
        if not _HALF_A_CHARACTER.search(clean):
            return value
        # a round trip replaces lone surrogates, which no encoder of ours takes
        return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


def closed(line: bytes) -> bytes | None:
    """Return an object that was cut off inside, up to the last of its fields that is whole; None when there is none."""
    end = 0
    for piece in _nesting(line):
        commas = ((piece.text == ord(",")) & piece.is_mark & (piece.depth == 1)).nonzero()[0]
        end = piece.start + int(commas[-1]) if len(commas) else end
    return line[:end] + b"}" if end and line.lstrip().startswith(b"{") else None


def values(text: bytes) -> int:
    """Return the number of values in a JSON text, and of what looks like one outside its strings.

    >>> values(b'{"a": [1, "[{,:"]}')
    4
    """
    import numpy as np  # noqa: PLC0415 (`--help` answers at once, without it)

    wanted = _table(VALUES)
    return sum(int(np.count_nonzero(wanted[piece.text] & piece.is_mark)) for piece in _nesting(text))


def items(array: bytes, most: int) -> list[bytes] | None:
    """Return the items of an array as texts, which need not be JSON for that; None when there are more than `most` of them.

    What stands between two objects and is none is an item of its own, and so is what follows the array's end, or never ends.

    >>> items(b'[{"a": NaN}, 1, {"b": "]"}] x', 9)
    [b'{"a": NaN}', b'1', b'{"b": "]"}', b'x']
    """
    begins, ends, last = [], [], len(array)
    for piece in _nesting(array):
        begins += (piece.start + ((piece.step > 0) & (piece.depth == 2)).nonzero()[0]).tolist()  # noqa: PLR2004 (in the array)
        ends += (piece.start + ((piece.step < 0) & (piece.depth == 1)).nonzero()[0]).tolist()
        over = ((piece.step < 0) & (piece.depth == 0)).nonzero()[0]
        if len(over):
            last = piece.start + int(over[0])
            break
        if len(begins) > most:
            return None
    parts, done = [], array.find(b"[") + 1
    for begin, end in zip(begins, [*ends, last][: len(begins)], strict=False):
        if begin >= last:
            break
        parts += [array[done:begin], array[begin : end + 1]]
        done = end + 1
    parts += [array[done:last], array[last + 1 :]]
    texts = [text for part in parts if (text := part.strip(BETWEEN))]
    return texts if len(texts) <= most else None


def shortened(text: bytes, most: int, level: int = 0) -> bytes:
    """Return a JSON text with its longest strings cut, so that it has at most so many bytes; else what is nested deepest is null, too.

    It takes time in proportion to the text. A string that holds JSON, as a log in an envelope does, is cut inside, and stays JSON.
    More bytes are returned when those of the first level are more.

    Args:
        text: What is JSON, or was before somebody cut it off.
        most: Bytes to come down to.
        level: How many texts of JSON this one stands in.
    """
    long = _strings_over(text, _TEXT_LIMITS_BYTES[-1])
    for limit in _TEXT_LIMITS_BYTES:
        if len(text) - sum(max(0, end - start - limit) for start, end in long) <= most:
            break
    parts, kept = [], 0
    for start, end in long:
        if end - start > limit:
            parts += [text[kept:start], _cut(text[start:end], limit, most // 2, level)]
            kept = end
    short = b"".join([*parts, text[kept:]])
    return short if len(short) <= most else _shallow(short, _depth_within(short, most))


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


def _strings_over(text: bytes, most: int) -> list[tuple[int, int]]:
    """Return the start and the end, exclusive, of each string with more than so many bytes, in their order.

    >>> _strings_over(b'["a", "abcd", "abcde', 5)
    [(6, 12), (14, 20)]
    """
    import numpy as np  # noqa: PLC0415 (`--help` answers at once, without it)

    strings, opened = [], np.empty(0, np.int64)
    for piece in _nesting(text):
        quotes = np.concatenate((opened, piece.start + (piece.text == ord('"')).nonzero()[0]))
        pairs = len(quotes) // 2 * 2
        starts, ends = quotes[:pairs:2], quotes[1:pairs:2] + 1
        strings += np.stack((starts, ends), axis=1)[ends - starts > most].tolist()
        opened = quotes[pairs:]
    strings += [(int(start), len(text)) for start in opened if len(text) - start > most]
    return [(start, end) for start, end in strings]


def _shallow(text: bytes, levels: int) -> bytes:
    """Return a text whose values below so many levels are null.

    >>> _shallow(b'{"[": [[7, 8]], "b": {}}', 2)
    b'{"[": [null], "b": {}}'
    """
    begins, ends = [], []
    for piece in _nesting(text):
        begins += (piece.start + ((piece.step > 0) & (piece.depth == levels + 1)).nonzero()[0]).tolist()
        ends += (piece.start + ((piece.step < 0) & (piece.depth == levels)).nonzero()[0]).tolist()
    kept, parts = 0, []
    for begin, end in zip(begins, ends, strict=False):  # the last may be open
        parts += [text[kept:begin], b"null"]
        kept = end + 1
    return b"".join([*parts, text[kept:]])


def _depth_within(text: bytes, most: int) -> int:
    """Return how many levels of a text have at most so many bytes when what is deeper is null, at least 1."""
    import numpy as np  # noqa: PLC0415 (`--help` answers at once, without it)

    deepest = MAX_JSON_DEPTH_LEVELS + 1
    sizes, nulls = np.zeros((2, deepest + 1), np.int64)
    for piece in _nesting(text):
        depth = np.clip(piece.depth, 0, deepest)
        sizes += np.bincount(depth, minlength=len(sizes))
        nulls += np.bincount(depth[piece.step > 0], minlength=len(nulls))
    written = np.cumsum(sizes)[:-1] + nulls[1:] * (len(b"null") - len(b"]"))
    fitting = (written <= most).nonzero()[0]
    return max(1, int(fitting[-1])) if len(fitting) else 1


class _Piece(NamedTuple):
    """How a piece of a text is nested, each array (bytes,)."""

    start: int
    """Position of its first byte."""
    text: NDArray[np.uint8]
    """Its bytes; escaped ones are blank."""
    is_mark: NDArray[np.bool_]
    """Whether a byte stands outside strings."""
    step: NDArray[np.int8]
    """1 for a bracket that opens, -1 for one that closes."""
    depth: NDArray[np.int32]
    """Brackets that are open after a byte."""


def _nesting(text: bytes) -> Iterator[_Piece]:
    """Yield the nesting of a text piece by piece, in a time that its content does not change. What ends nowhere is open to the end."""
    import numpy as np  # noqa: PLC0415 (`--help` answers at once, without it)

    plain = text.replace(rb"\\", b"  ").replace(rb"\"", b"  ")
    steps = _table(_OPENING).astype(np.int8) - _table(_CLOSING).astype(np.int8)
    quotes, depth = 0, 0
    for start in range(0, len(plain), _PIECE_BYTES):
        piece = np.frombuffer(plain, np.uint8, min(_PIECE_BYTES, len(plain) - start), start)
        parity = np.cumsum(piece == ord('"'), dtype=np.uint8) + np.uint8(quotes)
        outside = (parity & 1) == 0
        step = steps[piece] * outside
        depths = np.cumsum(step, dtype=np.int32) + np.int32(depth)
        yield _Piece(start, piece, outside, step, depths)
        quotes, depth = int(parity[-1]) & 1, int(depths[-1])


def _table(wanted: bytes) -> NDArray[np.bool_]:
    """Return whether each of the 256 bytes is wanted, (256,)."""
    import numpy as np  # noqa: PLC0415 (`--help` answers at once, without it)

    table = np.zeros(256, np.bool_)
    table[list(wanted)] = True
    return table


def _whole(digits: str) -> float:
    """Return a whole number as orjson reads it: no encoder of ours takes one that 64 bits do not hold."""
    if len(digits) > _MAX_DOUBLE_DIGITS:
        return -math.inf if digits.startswith("-") else math.inf
    number = int(digits)
    return number if number in _WHOLE_NUMBERS else float(number)
