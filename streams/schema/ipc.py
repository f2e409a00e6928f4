"""What an Arrow IPC stream would take in memory, read from its headers before anything is decompressed.

A compressed buffer begins with its unpacked length, and Arrow allocates that much on its word: a record of 1.4 MB can ask for gigabytes.
So a block's messages are walked first (https://arrow.apache.org/docs/format/Columnar.html, "Encapsulated message format"); Arrow itself
verifies afterwards what is only measured here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_HEADER_BYTES: Final = 256 * 1024
"""Of one message's metadata: the schema of our widest block takes 12 KiB."""

_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
_CONTINUATION_CODE: Final = 0xFFFFFFFF
_CONTINUATION: Final = b"\xff\xff\xff\xff"
_PREFIX_BYTES: Final = 8
_U16, _I32, _U32, _I64 = (struct.Struct(form) for form in ("<H", "<i", "<I", "<q"))
_BUFFER: Final = struct.Struct("<qq")


class Size(NamedTuple):
    """What the messages of a stream declare."""

    rows: int
    """Of the largest batch, those of dictionaries included."""
    bytes: int
    """Of all buffers together, unpacked."""
    batches: int
    dictionaries: int


def size(data: bytes) -> Size:
    """Return what a stream declares.

    Raises ValueError when its messages are no Arrow IPC messages, or one lies outside of the data.
    """
    rows = unpacked = 0
    kinds = {_SCHEMA: 0, _DICTIONARY: 0, _BATCH: 0}
    try:
        for kind, header, table, body in _messages(data):
            if kind not in kinds:
                raise ValueError("a message that is neither schema nor rows")
            kinds[kind] += 1
            if kind != _SCHEMA:
                batch = table if kind == _BATCH else _child(header, table, 1)
                rows = max(rows, _number(header, batch, 0))
                unpacked += _unpacked(header, batch, body)
    except struct.error as error:
        raise ValueError("a message that lies outside of the data") from error
    return Size(rows, unpacked, kinds[_BATCH], kinds[_DICTIONARY])


def schema_message(data: bytes) -> bytes:
    """Return the first message of a stream that `size` has read: its schema. All of the data when they are too short for one."""
    if len(data) < _PREFIX_BYTES:
        return data
    begins = _PREFIX_BYTES if data.startswith(_CONTINUATION) else _PREFIX_BYTES - 4
    return data[: begins + int(_U32.unpack_from(data, begins - 4)[0])]


def _messages(data: bytes) -> Iterator[tuple[int, memoryview, int, memoryview]]:
    """Yield each message's kind, its metadata, where its table begins in that, and its body."""
    view, at = memoryview(data), 0
    while at + 4 <= len(view):
        (length,) = _U32.unpack_from(view, at)
        if length == _CONTINUATION_CODE:
            at += 4
            (length,) = _U32.unpack_from(view, at)
        at += 4
        if length == 0:  # the end of the stream
            return
        if length > MAX_HEADER_BYTES:
            raise ValueError(f"a header of {length} bytes, over {MAX_HEADER_BYTES}")
        header = view[at : at + length]
        message = _U32.unpack_from(header, 0)[0]
        body_bytes = _number(header, message, 3)
        at += length
        if not 0 <= body_bytes <= len(view) - at:
            raise ValueError("a body that lies outside of the data")
        kind = _slot(header, message, 1)
        yield header[kind] if kind else 0, header, _child(header, message, 2), view[at : at + body_bytes]
        at += body_bytes


def _unpacked(header: memoryview, batch: int, body: memoryview) -> int:
    """Return the unpacked length of all buffers of a record batch together."""
    position, packed = _slot(header, batch, 2), bool(_slot(header, batch, 3))
    if not position:
        return 0
    start = position + _U32.unpack_from(header, position)[0]
    (count,) = _U32.unpack_from(header, start)
    if start + 4 + count * _BUFFER.size > len(header):
        raise ValueError("a list of buffers that lies outside of its message")
    total = 0
    for offset, length in _BUFFER.iter_unpack(header[start + 4 : start + 4 + count * _BUFFER.size]):
        if not length:  # of a column that has no nulls, or no rows
            continue
        if offset < 0 or length < 0 or offset + length > len(body):
            raise ValueError("a buffer that lies outside of its message")
        whole = _I64.unpack_from(body, offset)[0] if packed else length
        if whole < -1:
            raise ValueError("a buffer of negative length")
        total += length if whole == -1 else whole  # -1: not compressed after all
    return total


def _slot(header: memoryview, table: int, field: int) -> int:
    """Return where a field of a flatbuffer table lies; 0 when it is not there."""
    vtable = table - _I32.unpack_from(header, table)[0]
    if not 0 <= vtable < len(header):
        raise ValueError("a table without a layout")
    entry = 4 + 2 * field
    if entry >= _U16.unpack_from(header, vtable)[0]:
        return 0
    offset = _U16.unpack_from(header, vtable + entry)[0]
    return table + offset if 0 < offset < len(header) - table else 0


def _number(header: memoryview, table: int, field: int) -> int:
    position = _slot(header, table, field)
    return int(_I64.unpack_from(header, position)[0]) if position else 0


def _child(header: memoryview, table: int, field: int) -> int:
    position = _slot(header, table, field)
    if not position:
        raise ValueError("a message without its header")
    return int(position + _U32.unpack_from(header, position)[0])
