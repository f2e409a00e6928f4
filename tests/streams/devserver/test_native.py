from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.devserver.layouts import Array, Fixed, LowCardinality, Nullable, Text, Tuple, layout
from streams.devserver.native import Shape, header, pass_block
from streams.devserver.wire import ProtocolError, WireReader, text, varint


def block(kind: str, rows: int, body: bytes, *, mark: bool = False) -> bytes:
    return varint(1) + varint(rows) + text("c") + text(kind) + b"\0" * mark + body


def passed(data: bytes, *, marks_in: bool = False, marks_out: bool = False) -> tuple[Shape, bytes, bytes]:
    """Return the block's shape, what was passed on, and what was left."""
    reader, out = WireReader.over(data), list[bytes]()
    shape = pass_block(reader, out.append, 1_000_000, marks_in=marks_in, marks_out=marks_out)
    return shape, b"".join(out), reader.data[reader.position :]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("UInt8", Fixed(1)),
        ("DateTime64(3, 'Europe/Berlin')", Fixed(8)),
        ("Decimal(9, 2)", Fixed(4)),
        ("Decimal(10, 2)", Fixed(8)),
        ("Decimal(76, 2)", Fixed(32)),
        ("FixedString(16)", Fixed(16)),
        ("IntervalDay", Fixed(8)),
        ("Enum8('a, (b' = 1, 'it\\'s' = 2)", Fixed(1)),
        ("Nullable(String)", Nullable(Text())),
        ("LowCardinality(Nullable(String))", LowCardinality(Text())),
        ("Map(String, UInt8)", Array(Tuple((Text(), Fixed(1))))),
        ("Tuple(a UInt8, `b, (` String)", Tuple((Fixed(1), Text()))),
        ("Nested(a UInt8, b UInt16)", Array(Tuple((Fixed(1), Fixed(2))))),
        ("SimpleAggregateFunction(max, UInt32)", Fixed(4)),
        ("Ring", Array(Tuple((Fixed(8), Fixed(8))))),
        ("Tuple()", Tuple((Fixed(1),))),
    ],
)
def test_a_type_lies_in_a_column_like_this(name: str, expected: object) -> None:
    assert layout(name) == expected


@pytest.mark.parametrize(
    "name",
    ["", "Nonsense", "Array", "Array()", "Array(", "FixedString(x)", "FixedString()", "Nullable(Nonsense)", "Dynamic", "Variant(UInt8)",
     "AggregateFunction(sum, UInt8)", "Array(" * 40 + "UInt8" + ")" * 40],
)  # fmt: skip
def test_a_type_that_cannot_be_walked_is_refused(name: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        layout(name)
    assert caught.value.code == 50


def test_a_block_is_passed_on_as_it_is_up_to_its_end() -> None:
    data = block("String", 2, text("one") + text("two"))
    assert passed(data + b"next") == (Shape((("c", "String"),), 2), data, b"next")


def test_marks_are_added_and_taken_away() -> None:
    plain, marked = block("UInt8", 1, b"\x07"), block("UInt8", 1, b"\x07", mark=True)
    assert passed(plain, marks_out=True)[1] == marked
    assert passed(marked, marks_in=True)[1] == plain


def test_the_empty_block_leaves_nothing_in_a_file() -> None:
    assert passed(b"\0\0") == (Shape((), 0), b"", b"")


def test_a_header_is_a_block_without_rows() -> None:
    assert passed(header([("c", "String")], marks=False))[0] == Shape((("c", "String"),), 0)


def test_dictionaries_may_come_in_parts() -> None:
    part = struct.pack("<QQ", 0, 1) + text("a") + struct.pack("<Q", 2) + b"\0\0"
    data = block("LowCardinality(String)", 4, struct.pack("<Q", 1) + part + part)
    assert passed(data)[1] == data


@given(st.lists(st.text(max_size=300)), st.integers(1, 50))
def test_strings_are_walked_in_pieces_of_any_size(values: list[str], size: int) -> None:
    data = block("String", len(values), b"".join(map(text, values)))
    pieces: Callable[[], bytes] = iter([data[start : start + size] for start in range(0, len(data), size)]).__next__
    out: list[bytes] = []
    assert pass_block(WireReader(pieces), out.append, 1_000_000).rows == len(values)
    assert b"".join(out) == data


@given(st.binary(max_size=200))
def test_any_bytes_are_a_block_or_a_protocol_error(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert len(passed(varint(1) + data)[0].columns) == 1


def test_more_bytes_than_the_budget_are_refused() -> None:
    with pytest.raises(ProtocolError, match="smaller inserts") as caught:
        pass_block(WireReader.over(block("UInt64", 10**9, b"")), list[bytes]().append, 1_000_000)
    assert caught.value.code == 131
