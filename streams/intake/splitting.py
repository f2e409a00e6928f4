"""From pieces of any size to the records of a log: its lines, or, where a value is not a line, its JSON values.

A log is read by lines unless it begins with an array, or with a JSON value that goes on after its first line or shares it with the next
(pretty-printed and concatenated JSON). Of a record without an end no more than the limit of a line is kept.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

import orjson

from streams.schema.event import MAX_READ_BYTES
from streams.schema.lenient_json import BETWEEN

_STRUCTURE: Final = re.compile(rb'[{}\[\]"]')
_STRING: Final = re.compile(rb'["\\]')


class Splitter(Protocol):
    """Cuts pieces into records."""

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the records that this piece completes. One over the limit of a line is cut to the limit plus one byte."""
        ...

    def finish(self) -> list[bytes]:
        """Return what is left at the end of the input."""
        ...


class Records:
    """Cuts a log into its lines or its JSON values, whichever its first piece shows."""

    def __init__(self) -> None:
        """Start before the first byte."""
        self._splitter: Splitter | None = None

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the records that this piece completes."""
        if self._splitter is None:
            self._splitter = Values() if _holds_values(piece) else Lines()
        return self._splitter.feed(piece)

    def finish(self) -> list[bytes]:
        """Return the last record, if nothing ended it."""
        return self._splitter.finish() if self._splitter else []


class Lines:
    """Cuts pieces at line feeds."""

    def __init__(self) -> None:
        """Start at the beginning of a line."""
        self._rest = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that this piece completes, without their line feeds."""
        if b"\n" not in piece:
            _extend(self._rest, piece)
            return []
        head, *lines = piece.split(b"\n")
        _extend(self._rest, head)
        lines.insert(0, bytes(self._rest))
        self._rest = bytearray(lines.pop())
        return lines

    def finish(self) -> list[bytes]:
        """Return the last line, if it did not end in a line feed."""
        rest, self._rest = bytes(self._rest), bytearray()
        return [rest] if rest else []


class Values:
    r"""Cuts pieces into the objects of one array, or of a stream of them, wherever their lines end.

    >>> Values().feed(b'[{"a": "}"},\n {"b": [1]}]')
    [b'{"a": "}"}', b'{"b": [1]}']
    """

    def __init__(self) -> None:
        """Start between two values."""
        self._depth = 0
        self._in_string = self._escaped = False
        self._value, self._stray = bytearray(), bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the values that this piece completes; what stands between two values and is none is a value of its own, to be refused."""
        values: list[bytes] = []
        start = position = 0
        if self._escaped and piece:
            self._escaped, position = False, 1
        while structure := (_STRING if self._in_string else _STRUCTURE).search(piece, position):
            mark, position = structure[0], structure.end()
            if mark == b"\\":
                self._escaped = position == len(piece)
                position += 1
            elif mark == b'"':
                self._in_string = not self._in_string
            elif mark in b"{[" and (self._depth or mark == b"{"):
                if not self._depth:
                    self._stray += piece[start : structure.start()].strip(BETWEEN)
                    values += self._strays()
                    start = structure.start()
                self._depth += 1
            elif self._depth:
                self._depth -= 1
                if not self._depth:
                    _extend(self._value, piece[start:position])
                    values.append(bytes(self._value))
                    self._value, start = bytearray(), position
            else:  # the brackets of the array around the values
                _extend(self._stray, piece[start : structure.start()].strip(BETWEEN))
                start = position
        if self._depth:
            _extend(self._value, piece[start:])
        else:
            _extend(self._stray, piece[start:].strip(BETWEEN))
        return values

    def finish(self) -> list[bytes]:
        """Return a value that has no end, and what stands after the last one."""
        rest, self._value = bytes(self._value), bytearray()
        return [*self._strays(), *([rest] if rest else [])]

    def _strays(self) -> list[bytes]:
        stray, self._stray = bytes(self._stray), bytearray()
        return [stray] if stray else []


def _holds_values(piece: bytes) -> bool:
    """Tell whether a log that begins like this has JSON values that are not its lines."""
    head = piece.lstrip()
    if head[:1] == b"[":
        return True
    line, line_feed, _ = head.partition(b"\n")
    if head[:1] != b"{" or _is_json(line):
        return False
    first = next(iter(Values().feed(head)), b"")
    return _is_json(first) and (bool(line_feed) or len(first) < len(head))


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _extend(record: bytearray, piece: bytes) -> None:
    """Add to a record in place, up to the limit: what arrives in small pieces is not copied for each of them."""
    record += piece[: MAX_READ_BYTES + 1 - len(record)]
