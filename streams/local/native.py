"""Blocks in ClickHouse's Native format: where each column ends, so that a block can be passed on without being decoded.

Source: ClickHouse `NativeReader`, `NativeWriter` and the `Serialization*` classes.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from streams.local.wire import ProtocolError, Reader, text, varint

MOST_COLUMNS = 10_000
MOST_DEPTH = 32
UNKNOWN_TYPE = 50
TOO_LARGE = 131


class Passage:
    """Bytes on their way through: read from `reader`, counted against a budget, written on unchanged."""

    def __init__(self, reader: Reader, write: Callable[[bytes], object], budget: int) -> None:
        """Pass at most `budget` bytes on to `write`."""
        self.reader = reader
        self.write = write
        self.left = budget

    def copy(self, count: int) -> None:
        """Pass `count` bytes, piece by piece: a lying length costs no memory."""
        self._spend(count)
        while count:
            piece = self.reader.piece(count)
            self.write(piece)
            count -= len(piece)

    def uint64(self) -> int:
        """Pass one number and return it."""
        data = self._pass(8)
        return int.from_bytes(data, "little")

    def last_uint64(self, count: int) -> int:
        """Pass `count` numbers and return the last one (0 if there is none)."""
        if not count:
            return 0
        self.copy(8 * (count - 1))
        return self.uint64()

    def texts(self, count: int) -> None:
        """Pass `count` strings. Short ones, the usual ones, are walked within the piece at hand."""
        while count:
            count -= self._short_texts(count)
            if count:
                length = self.reader.varint()
                self._spend(1)
                self.write(varint(length))
                self.copy(length)
                count -= 1

    def _short_texts(self, count: int) -> int:
        """Pass strings that lie in the current piece as a whole, up to the first that does not; return how many."""
        reader = self.reader
        data, start = reader.data, reader.position
        position, end, left = start, len(data), count
        while left and position < end:
            after = position + 1 + data[position]
            if data[position] > 127 or after > end:  # noqa: PLR2004 - a length of two bytes or more
                break
            position = after
            left -= 1
        self._spend(position - start)
        self.write(data[start:position])
        reader.position = position
        return count - left

    def _pass(self, count: int) -> bytes:
        self._spend(count)
        data = self.reader.take(count)
        self.write(data)
        return data

    def _spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            message = "the data exceeds the limit of one insert: send smaller inserts"
            raise ProtocolError(message, TOO_LARGE)


class Layout(ABC):
    """How the values of one type lie in a column: a prefix, then `rows` values."""

    def prefix(self, passage: Passage) -> None:
        """Pass what precedes the values. Nothing, for most types."""

    @abstractmethod
    def body(self, passage: Passage, rows: int) -> None:
        """Pass the values of `rows` rows."""


@dataclass(frozen=True)
class Fixed(Layout):
    """Values of `size` bytes."""

    size: int

    def body(self, passage: Passage, rows: int) -> None:
        """Pass rows * size bytes."""
        passage.copy(rows * self.size)


@dataclass(frozen=True)
class Text(Layout):
    """Strings, each with its length."""

    def body(self, passage: Passage, rows: int) -> None:
        """Pass one string a row."""
        passage.texts(rows)


@dataclass(frozen=True)
class JsonText(Text):
    """JSON in its text form (`output_format_native_write_json_as_string`)."""

    def prefix(self, passage: Passage) -> None:
        """Refuse every other form."""
        if passage.uint64() != 1:
            message = "JSON columns travel as text only: set output_format_native_write_json_as_string = 1"
            raise ProtocolError(message, UNKNOWN_TYPE)


@dataclass(frozen=True)
class Nullable(Layout):
    """A byte a row that says "null", then the values."""

    inner: Layout

    def prefix(self, passage: Passage) -> None:
        """Pass the prefix of the values."""
        self.inner.prefix(passage)

    def body(self, passage: Passage, rows: int) -> None:
        """Pass the marks, then the values."""
        passage.copy(rows)
        self.inner.body(passage, rows)


@dataclass(frozen=True)
class Array(Layout):
    """The end of each row's elements, then the elements of all rows."""

    inner: Layout

    def prefix(self, passage: Passage) -> None:
        """Pass the prefix of the elements."""
        self.inner.prefix(passage)

    def body(self, passage: Passage, rows: int) -> None:
        """Pass the ends; the last one says how many elements follow."""
        self.inner.body(passage, passage.last_uint64(rows))


@dataclass(frozen=True)
class Tuple(Layout):
    """One column an element."""

    items: tuple[Layout, ...]

    def prefix(self, passage: Passage) -> None:
        """Pass the prefixes of all elements."""
        for item in self.items:
            item.prefix(passage)

    def body(self, passage: Passage, rows: int) -> None:
        """Pass the elements, one column after the other."""
        for item in self.items:
            item.body(passage, rows)


@dataclass(frozen=True)
class LowCardinality(Layout):
    """A dictionary of distinct values, then an index a row."""

    inner: Layout

    def prefix(self, passage: Passage) -> None:
        """Pass the version of the keys, of which only one exists."""
        if passage.uint64() != 1:
            message = "an unknown version of LowCardinality keys"
            raise ProtocolError(message, UNKNOWN_TYPE)

    def body(self, passage: Passage, rows: int) -> None:
        """Pass one or more pairs of a dictionary and its indexes."""
        while rows:
            size = 1 << (passage.uint64() & 3)
            self.inner.body(passage, passage.uint64())
            count = passage.uint64()
            if not 0 < count <= rows:
                message = f"{count} LowCardinality indexes for {rows} rows"
                raise ProtocolError(message)
            passage.copy(count * size)
            rows -= count


_SIZES = {
    1: "Int8 UInt8 Bool Enum8 Nothing",
    2: "Int16 UInt16 Enum16 Date BFloat16",
    4: "Int32 UInt32 Float32 Date32 DateTime Decimal32 IPv4 Time",
    8: "Int64 UInt64 Float64 DateTime64 Decimal64 Time64",
    16: "Int128 UInt128 UUID IPv6 Decimal128",
    32: "Int256 UInt256 Decimal256",
}
_FIXED = {name: Fixed(size) for size, names in _SIZES.items() for name in names.split()}
_SHAPES = {
    "Point": "Tuple(Float64, Float64)",
    "Ring": "Array(Point)",
    "LineString": "Array(Point)",
    "MultiLineString": "Array(LineString)",
    "Polygon": "Array(Ring)",
    "MultiPolygon": "Array(Polygon)",
}
_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[(),]|[^'`(),]+", re.DOTALL)
_NAMED = re.compile(r"(?:`(?:[^`\\]|\\.)*`|\w+)\s+(.+)", re.DOTALL)


@lru_cache(maxsize=4096)
def layout(type_name: str) -> Layout:
    """Return how the type of this name lies in a column.

    Raises:
        ProtocolError: code 50, for a type that cannot be walked (aggregate states, Variant, Dynamic).
    """
    return _layout(type_name.strip(), MOST_DEPTH)


def _layout(name: str, depth: int) -> Layout:
    family, _, rest = name.partition("(")
    if depth and (family in _FIXED or family.startswith("Interval")):
        return _FIXED.get(family, Fixed(8))
    if depth and family in _SHAPES:
        return _layout(_SHAPES[family], depth - 1)
    maker = _MAKERS.get(family)
    if maker and depth and (not rest or rest.endswith(")")):
        return maker(_arguments(rest[:-1]), depth - 1)
    message = f"values of type {name[:200]} cannot travel here: convert them, for example with toString() or finalizeAggregation()"
    raise ProtocolError(message, UNKNOWN_TYPE)


def _arguments(inside: str) -> list[str]:
    """Split at the commas that stand outside of quotes and parentheses."""
    parts, depth = [""], 0
    for token in _TOKEN.findall(inside):
        depth += (token == "(") - (token == ")")
        if token == "," and not depth:
            parts.append("")
        else:
            parts[-1] += token
    return [part.strip() for part in parts if part.strip()]


def _one(parts: Sequence[str], depth: int) -> Layout:
    if not parts:
        message = "a type without its argument"
        raise ProtocolError(message, UNKNOWN_TYPE)
    return _layout(parts[-1], depth)


def _tuple(parts: Sequence[str], depth: int) -> Tuple:
    named = (_NAMED.fullmatch(part) for part in parts)
    bare = [match[1] if match else part for match, part in zip(named, parts, strict=True)]
    return Tuple(tuple(_layout(part, depth) for part in bare))


def _low_cardinality(parts: Sequence[str], depth: int) -> LowCardinality:
    inner = _one(parts, depth)
    return LowCardinality(inner.inner if isinstance(inner, Nullable) else inner)


def _number(parts: Sequence[str]) -> int:
    if not parts or not parts[0].isascii() or not parts[0].isdigit():
        message = "a type without its size"
        raise ProtocolError(message, UNKNOWN_TYPE)
    return int(parts[0][:9])


def _decimal(parts: Sequence[str], _: int) -> Fixed:
    digits = _number(parts)
    return Fixed(next(size for size, most in ((4, 9), (8, 18), (16, 38), (32, 10**9)) if digits <= most))


_MAKERS: dict[str, Callable[[Sequence[str], int], Layout]] = {
    "String": lambda _parts, _depth: Text(),
    "JSON": lambda _parts, _depth: JsonText(),
    "FixedString": lambda parts, _depth: Fixed(_number(parts)),
    "Decimal": _decimal,
    "Nullable": lambda parts, depth: Nullable(_one(parts, depth)),
    "Array": lambda parts, depth: Array(_one(parts, depth)),
    "Map": lambda parts, depth: Array(_tuple(parts, depth)),
    "Nested": lambda parts, depth: Array(_tuple(parts, depth)),
    "Tuple": _tuple,
    "LowCardinality": _low_cardinality,
    "SimpleAggregateFunction": _one,
}


@dataclass(frozen=True)
class Shape:
    """What a block holds: its columns (name, type) and how many rows."""

    columns: tuple[tuple[str, str], ...]
    rows: int


def pass_block(
    reader: Reader, write: Callable[[bytes], object], budget: int, *, marks_in: bool = False, marks_out: bool = False
) -> Shape:
    """Pass one block on and return its shape.

    From revision 54454 on each column carries a mark, "no custom serialisation"; a file in Native format has none.

    Args:
        reader: where the block begins (after its BlockInfo).
        write: takes the block's bytes.
        budget: most bytes that may be written.
        marks_in: the block that comes in has marks.
        marks_out: the block that goes out has marks.

    Raises:
        ProtocolError: malformed, over the budget, or of a type that cannot be walked.
    """
    count, rows = reader.varint(), reader.varint()
    if count > MOST_COLUMNS:
        message = f"{count} columns exceed the limit of {MOST_COLUMNS}"
        raise ProtocolError(message, TOO_LARGE)
    if not count:  # the end of the data, which no file holds
        return Shape((), 0)
    write(varint(count) + varint(rows))
    passage = Passage(reader, write, budget)
    return Shape(tuple(_pass_column(passage, rows, marks_in, marks_out) for _ in range(count)), rows)


def _pass_column(passage: Passage, rows: int, marks_in: bool, marks_out: bool) -> tuple[str, str]:  # noqa: FBT001
    name, type_name = passage.reader.text(), passage.reader.text()
    if marks_in and passage.reader.byte():
        message = f"column {name[:200]} uses a custom serialisation, which is not supported"
        raise ProtocolError(message, UNKNOWN_TYPE)
    passage.write(text(name) + text(type_name) + b"\0" * marks_out)
    if rows:
        kind = layout(type_name)
        kind.prefix(passage)
        kind.body(passage, rows)
    return name, type_name


def header(columns: Sequence[tuple[str, str]], *, marks: bool) -> bytes:
    """Return a block of these columns (name, type) without rows."""
    named = (text(name) + text(kind) + b"\0" * marks for name, kind in columns)
    return varint(len(columns)) + b"\0" + b"".join(named)
