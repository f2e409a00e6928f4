"""What every block must be before a stage may read it, made from its layout's declaration.

No nulls where unknown is written otherwise, vectors of one width, names where they belong, finite and believable numbers and times. A
block that breaks this is refused whole, with the column's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from streams.schema.arrow_columns import Column
from streams.schema.event import MAX_TIME_SECONDS

MAX_NAMES: Final = 4096
"""Positions of a vector that may have names."""
ANY_NUMBER: Final = (-1e15, 1e15)
TIMES: Final = (0.0, MAX_TIME_SECONDS)
OFFSETS: Final = (-1.0, float(1 << 53))
"""What is believed of a number, of a time and of an offset whose layout says nothing else."""


Texts = dict[str, tuple[NDArray[np.int32], list[str]]]
"""Columns of texts by name: of each its codes, (rows,), -1 where unknown, and its words, to which they point."""


class Unfolded(NamedTuple):
    """The columns of a folded block (`streams.schema.folded`)."""

    rows: int
    matrices: dict[str, NDArray[Any]]
    """All columns of a kind, (columns, rows); shingles (columns, rows, 8). Without texts."""
    columns: dict[str, NDArray[Any]]
    """Each column of `matrices` by its name."""
    texts: Texts
    vectors: dict[str, Column]
    """Arrow's arrays."""

    def take(self, rows: NDArray[np.intp]) -> Unfolded:
        """Return these rows."""
        return Unfolded(
            len(rows),
            {kind: matrix[:, rows] for kind, matrix in self.matrices.items()},
            {name: column[rows] for name, column in self.columns.items()},
            {name: (codes[rows], words) for name, (codes, words) in self.texts.items()},
            {name: vector.take(pa.array(rows)) for name, vector in self.vectors.items()},
        )


class Growing(int):
    """The width of a vector that a later version appends to: one that its writer made before is shorter."""


class Declared(Protocol):
    """What the check reads of a layout (`streams.schema.blocks.Layout`)."""

    @property
    def columns(self) -> Mapping[str, str]:
        """Kind of each column, by name, in order."""
        ...

    required: frozenset[str]
    widths: dict[str, int | str]
    limits: dict[str, tuple[float, float]]
    words: dict[str, re.Pattern[str]]


class _Bank(NamedTuple):
    """The bounds of all columns of a kind, which are looked at together."""

    kind: str
    names: list[str]
    low: NDArray[Any]
    high: NDArray[Any]
    required: list[int]

    def fault(self, values: NDArray[Any]) -> str | None:
        """Return what is wrong with these columns, (columns, rows)."""
        with np.errstate(invalid="ignore"):
            wrong = (values < self.low) | (values > self.high)
        if wrong.any():
            return f"{self.names[int(wrong.any(axis=1).argmax())]} is beyond anything real"
        unknown = np.isnan(values[self.required]).any(axis=1)
        if unknown.any():
            return f"{self.names[self.required[int(unknown.argmax())]]} is unknown in a row"
        return None


class Check:
    """The check of one layout: columns of one dtype are looked at together, so that a block costs some 20 calls of NumPy."""

    def __init__(self, layout: Declared) -> None:
        """Prepare the bounds of every column."""
        self._layout = layout
        self._position = {name: position for position, name in enumerate(layout.columns)}
        kinds = layout.columns.items()
        self._texts = [name for name, kind in kinds if kind == "text"]
        self._judged = [name for name in self._texts if name in layout.required or name in layout.words]
        self._vectors = [name for name, kind in kinds if kind == "vector"]
        self._shingles = [name for name, kind in kinds if kind == "shingles"]
        self._plain = [name for name, kind in kinds if kind not in {"text", "vector"}]
        default = {"number": ANY_NUMBER, "time": TIMES, "offset": OFFSETS}
        self._banks = list[_Bank]()
        for chosen, dtype in (("number", np.float32), ("time", np.float64), ("offset", np.float64)):
            names = [name for name, kind in kinds if kind == chosen]
            bounds = np.array([layout.limits.get(name, default[chosen]) for name in names], dtype).reshape(-1, 2)
            required = [row for row, name in enumerate(names) if name in layout.required]
            if names:
                self._banks.append(_Bank(chosen, names, bounds[:, :1], bounds[:, 1:], required))

    def fault(self, batch: pa.RecordBatch) -> str | None:
        """Return what is wrong with a batch of the layout's schema, which Arrow has validated; None when nothing is."""
        rows, metadata = batch.num_rows, batch.schema.metadata or {}
        if rows == 0:
            return self._names_fault(metadata)
        columns: list[Any] = batch.columns
        for name in self._plain:
            if columns[self._position[name]].null_count:
                return f"{name} has a null"
        for name in self._shingles:
            if columns[self._position[name]].values.null_count:
                return f"{name} has a null"
        return self._arrow_texts_fault(columns) or self._numbers_fault(columns, rows) or self._vectors_fault(self._of(columns), metadata)

    def folded_fault(self, unfolded: Unfolded, metadata: Mapping[bytes, bytes]) -> str | None:
        """Return what is wrong with the columns of a folded block; None when nothing is."""
        if not unfolded.rows:
            return self._names_fault(metadata)
        for name in self._judged:
            codes, words = unfolded.texts[name]
            if name in self._layout.required and codes.min() < 0:
                return f"{name} is unknown in a row"
            if fault := self._words_fault(name, words):
                return fault
        for bank in self._banks:
            if fault := bank.fault(unfolded.matrices[bank.kind]):
                return fault
        return self._vectors_fault(unfolded.vectors.__getitem__, metadata)

    def _of(self, columns: list[Any]) -> Callable[[str], Any]:
        return lambda name: columns[self._position[name]]

    def _arrow_texts_fault(self, columns: list[Any]) -> str | None:
        for name in self._texts:
            column = columns[self._position[name]]
            if column.dictionary.null_count:
                return f"{name} has a null among its words"
            if name in self._layout.required and column.null_count:
                return f"{name} is unknown in a row"
            if name in self._judged and (fault := self._words_fault(name, column.dictionary.to_pylist())):
                return fault
        return None

    def _words_fault(self, name: str, words: list[str]) -> str | None:
        pattern = self._layout.words.get(name)
        if name in self._layout.required and "" in words:
            return f"{name} has an empty word"
        if pattern and not all(map(pattern.fullmatch, words)):
            return f"{name} has a word that is no {name}"
        return None

    def _numbers_fault(self, columns: list[Any], rows: int) -> str | None:
        for bank in self._banks:
            values = np.concatenate([columns[self._position[name]].to_numpy() for name in bank.names]).reshape(len(bank.names), rows)
            if fault := bank.fault(values):
                return fault
        return None

    def _names_fault(self, metadata: Mapping[bytes, bytes]) -> str | None:
        """Return which names of a block without rows cannot be read: who reads it asks for them all the same."""
        for name in self._vectors:
            width = self._layout.widths[name]
            if isinstance(width, str) and width.encode() in metadata and _names(metadata[width.encode()]) is None:
                return f"{width} has no list of names"
        return None

    def _vectors_fault(self, column_of: Callable[[str], Any], metadata: Mapping[bytes, bytes]) -> str | None:
        for name in self._vectors:
            column, width = column_of(name), self._layout.widths[name]
            if isinstance(width, str):
                names = _names(metadata.get(width.encode()))
                if names is None:
                    return f"{width} has no list of names"
                width = len(names)
            sizes = np.diff(column.offsets.to_numpy())
            if isinstance(width, Growing) and 0 < sizes[0] < width:
                width = sizes[0]
            if column.null_count or not (sizes == width).all():
                return f"{name} has not {width} values in each row"
            flat = column.flatten()
            if flat.null_count:
                return f"{name} has a null"
            with np.errstate(invalid="ignore"):
                values = np.abs(flat.to_numpy())
            if (values > ANY_NUMBER[1]).any():
                return f"{name} is beyond anything real"
        return None


def _names(written: bytes | None) -> list[str] | None:
    """Return the names of a vector's positions; None when they are not a list of different words, which can be written again."""
    try:
        names = orjson.loads(written or b"")
    except orjson.JSONDecodeError:
        return None
    good = isinstance(names, list) and len(names) <= MAX_NAMES and all(isinstance(name, str) for name in names)
    return names if good and len(set(names)) == len(names) else None
