"""Blocks in ClickHouse's Native format, passed on unchanged.

Source: ClickHouse `NativeReader` and `NativeWriter`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat, zip_longest

from streams.devserver.layouts import UNKNOWN_TYPE_CODE, layout
from streams.devserver.passage import TOO_LARGE_CODE, Passage
from streams.devserver.wire import ProtocolError, WireReader, text, varint

MAX_COLUMNS = 10_000


@dataclass(frozen=True)
class Shape:
    """The shape of a block: its columns (name, type) and its number of rows."""

    columns: tuple[tuple[str, str], ...]
    rows: int


def pass_block(
    reader: WireReader,
    write: Callable[[bytes], object],
    budget: int,
    *,
    marks_in: bool = False,
    marks_out: bool = False,
    names: Sequence[str] = (),
    kinds: Sequence[str] = (),
) -> Shape:
    """Pass one block on and return its shape.

    From revision 54454 on each column carries a mark, "no custom serialisation"; a file in Native format has none.

    Args:
        reader: where the block begins (after its BlockInfo).
        write: takes the block's bytes.
        budget: most bytes that may be written.
        marks_in: the block that comes in has marks.
        marks_out: the block that goes out has marks.
        names: the columns' names in the block that goes out; empty: their own.
        kinds: the names of their types in the block that goes out; empty: their own. Only a time zone may differ.

    Raises:
        ProtocolError: malformed, over the budget, or of a type that cannot be walked.
    """
    count, rows = reader.varint(), reader.varint()
    if count > MAX_COLUMNS:
        raise ProtocolError(f"{count} columns exceed the limit of {MAX_COLUMNS}", TOO_LARGE_CODE)
    if not count:  # the end of the data, which is not written to files
        return Shape((), 0)
    write(varint(count) + varint(rows))
    passage = Passage(reader, write, budget)
    pairs = islice(chain(zip_longest(names, kinds), repeat((None, None))), count)
    return Shape(tuple(_pass_column(passage, rows, marks_in, marks_out, *pair) for pair in pairs), rows)


def _pass_column(
    passage: Passage,
    rows: int,
    marks_in: bool,  # noqa: FBT001
    marks_out: bool,  # noqa: FBT001
    name: str | None,
    kind_out: str | None,
) -> tuple[str, str]:
    own, type_name = passage.reader.text(), passage.reader.text()
    name, kind_out = own if name is None else name, kind_out or type_name
    if marks_in and passage.reader.byte():
        raise ProtocolError(f"column {name[:200]} uses a custom serialisation, which is not supported", UNKNOWN_TYPE_CODE)
    passage.write(text(name) + text(kind_out) + b"\0" * marks_out)
    if rows:
        kind = layout(type_name)
        kind.prefix(passage)
        kind.body(passage, rows)
    return name, kind_out


def skip_info(reader: WireReader) -> None:
    """Skip a block's BlockInfo: it is not needed here.

    Raises:
        ProtocolError: It has an unknown field.
    """
    while number := reader.varint():
        if number not in (1, 2):
            raise ProtocolError(f"unknown field {number} of a block's information")
        reader.take(1 if number == 1 else 4)


def header(columns: Sequence[tuple[str, str]], *, marks: bool) -> bytes:
    """Return a block of these columns (name, type) without rows."""
    named = (text(name) + text(kind) + b"\0" * marks for name, kind in columns)
    return varint(len(columns)) + b"\0" + b"".join(named)
