"""The byte layout of each ClickHouse type in a column of the Native format: enough to find the end of the column.

Source: ClickHouse's `Serialization*` classes.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streams.core.remembered import remembered
from streams.devserver.passage import Passage
from streams.devserver.wire import ProtocolError

MAX_TYPE_LEVELS = 32
UNKNOWN_TYPE_CODE = 50


class TypeLayout(ABC):
    """The layout of one type in a column: a prefix, then `rows` values."""

    def prefix(self, passage: Passage) -> None:  # noqa: B027 - nothing, for most types
        """Pass the prefix before the values."""

    @abstractmethod
    def body(self, passage: Passage, rows: int) -> None:
        """Pass the values of `rows` rows."""


@dataclass(frozen=True)
class Fixed(TypeLayout):
    """Values of `size` bytes."""

    size: int

    def body(self, passage: Passage, rows: int) -> None:
        """Pass rows * size bytes."""
        passage.copy(rows * self.size)


@dataclass(frozen=True)
class Text(TypeLayout):
    """Strings, each after its length."""

    def body(self, passage: Passage, rows: int) -> None:
        """Pass one string per row."""
        passage.texts(rows)


@dataclass(frozen=True)
class JsonText(Text):
    """JSON in its text form (`output_format_native_write_json_as_string`)."""

    def prefix(self, passage: Passage) -> None:
        """Raise ProtocolError for every other form."""
        if passage.uint64() != 1:
            raise ProtocolError("JSON columns travel as text only: set output_format_native_write_json_as_string = 1", UNKNOWN_TYPE_CODE)


@dataclass(frozen=True)
class Nullable(TypeLayout):
    """A null mark of one byte per row, then the values."""

    inner: TypeLayout

    def prefix(self, passage: Passage) -> None:
        """Pass the prefix of the values."""
        self.inner.prefix(passage)

    def body(self, passage: Passage, rows: int) -> None:
        """Pass the marks, then the values."""
        passage.copy(rows)
        self.inner.body(passage, rows)


@dataclass(frozen=True)
class Array(TypeLayout):
    """The end of each row's elements, then the elements of all rows."""

    inner: TypeLayout

    def prefix(self, passage: Passage) -> None:
        """Pass the prefix of the elements."""
        self.inner.prefix(passage)

    def body(self, passage: Passage, rows: int) -> None:
        """Pass the ends; the last one is the number of elements that follow."""
        self.inner.body(passage, passage.last_uint64(rows))


@dataclass(frozen=True)
class Tuple(TypeLayout):
    """One column per element."""

    items: tuple[TypeLayout, ...]

    def prefix(self, passage: Passage) -> None:
        """Pass the prefixes of all elements."""
        for item in self.items:
            item.prefix(passage)

    def body(self, passage: Passage, rows: int) -> None:
        """Pass the elements, one column after the other."""
        for item in self.items:
            item.body(passage, rows)


@dataclass(frozen=True)
class LowCardinality(TypeLayout):
    """A dictionary of distinct values, then one index per row."""

    inner: TypeLayout

    def prefix(self, passage: Passage) -> None:
        """Pass the version of the keys; only one version exists.

        Raises:
            ProtocolError: The version is another.
        """
        if passage.uint64() != 1:
            raise ProtocolError("an unknown version of LowCardinality keys", UNKNOWN_TYPE_CODE)

    def body(self, passage: Passage, rows: int) -> None:
        """Pass one or more pairs of a dictionary and its indexes.

        Raises:
            ProtocolError: A pair has more indexes than there are rows left, or none.
        """
        while rows:
            size = 1 << (passage.uint64() & 3)
            self.inner.body(passage, passage.uint64())
            count = passage.uint64()
            if not 0 < count <= rows:
                raise ProtocolError(f"{count} LowCardinality indexes for {rows} rows")
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
_PIECE = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[(),]|[^'`(),]+", re.DOTALL)
_NAMED = re.compile(r"(?:`(?:[^`\\]|\\.)*`|\w+)\s+(.+)", re.DOTALL)


@remembered(calls=4096)
def layout(type_name: str) -> TypeLayout:
    """Return the layout of the type of this name.

    Raises:
        ProtocolError: code 50, for a type that cannot be walked (aggregate states, Variant, Dynamic).
    """
    return _layout(type_name.strip(), MAX_TYPE_LEVELS)


def _layout(name: str, depth: int) -> TypeLayout:
    family, _, rest = name.partition("(")
    if depth and (family in _FIXED or family.startswith("Interval")):
        return _FIXED.get(family, Fixed(8))
    if depth and family in _SHAPES:
        return _layout(_SHAPES[family], depth - 1)
    maker = _MAKERS.get(family)
    if maker and depth and (name == family or rest.endswith(")")):
        return maker(_arguments(rest[:-1]), depth - 1)
    raise ProtocolError(
        f"values of type {name[:200]} cannot travel here: convert them, for example with toString() or finalizeAggregation()",
        UNKNOWN_TYPE_CODE,
    )


def _arguments(inside: str) -> list[str]:
    """Split at the commas outside of quotes and parentheses."""
    parts, start, depth = [], 0, 0
    for piece in _PIECE.finditer(inside):
        depth += (piece[0] == "(") - (piece[0] == ")")
        if piece[0] == "," and not depth:
            parts.append(inside[start : piece.start()])
            start = piece.end()
    return [part.strip() for part in (*parts, inside[start:]) if part.strip()]


def _one(parts: Sequence[str], depth: int) -> TypeLayout:
    if not parts:
        raise ProtocolError("a type without its argument", UNKNOWN_TYPE_CODE)
    return _layout(parts[-1], depth)


def _tuple(parts: Sequence[str], depth: int) -> Tuple:
    if not parts:
        return Tuple((Fixed(1),))  # an empty tuple still takes one byte per row
    named = (_NAMED.fullmatch(part) for part in parts)
    bare = [match[1] if match else part for match, part in zip(named, parts, strict=True)]
    return Tuple(tuple(_layout(part, depth) for part in bare))


def _low_cardinality(parts: Sequence[str], depth: int) -> LowCardinality:
    inner = _one(parts, depth)
    return LowCardinality(inner.inner if isinstance(inner, Nullable) else inner)


def _number(parts: Sequence[str]) -> int:
    if not parts or not parts[0].isascii() or not parts[0].isdigit():
        raise ProtocolError("a type without its size", UNKNOWN_TYPE_CODE)
    return int(parts[0][:9])


def _decimal(parts: Sequence[str], _: int) -> Fixed:
    digits = _number(parts)
    return Fixed(next(size for size, most in ((4, 9), (8, 18), (16, 38), (32, 10**9)) if digits <= most))


_MAKERS: dict[str, Callable[[Sequence[str], int], TypeLayout]] = {
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
