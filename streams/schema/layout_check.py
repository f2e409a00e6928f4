"""What every block must be before a stage may read it, made from its layout's declaration.

No nulls where unknown is written otherwise, vectors of one width, names where they belong, finite and believable numbers and times. A
block that breaks this is refused whole, with the column's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

import numpy as np
import orjson
import pyarrow as pa

from streams.schema.event import MAX_TIME_SECONDS

MAX_NAMES: Final = 4096
"""Positions of a vector that may have names."""
ANY_NUMBER: Final = (-1e15, 1e15)
TIMES: Final = (0.0, MAX_TIME_SECONDS)
OFFSETS: Final = (-1.0, float(1 << 53))
"""What is believed of a number, of a time and of an offset whose layout says nothing else."""


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


class Check:
    """The check of one layout: columns of one dtype are looked at together, so that a block costs some 20 calls of NumPy."""

    def __init__(self, layout: Declared) -> None:
        """Prepare the bounds of every column."""
        self._layout = layout
        self._position = {name: position for position, name in enumerate(layout.columns)}
        kinds = layout.columns.items()
        self._texts = [name for name, kind in kinds if kind == "text"]
        self._vectors = [name for name, kind in kinds if kind == "vector"]
        self._shingles = [name for name, kind in kinds if kind == "shingles"]
        self._plain = [name for name, kind in kinds if kind not in {"text", "vector"}]
        default = {"number": ANY_NUMBER, "time": TIMES, "offset": OFFSETS}
        self._banks = []
        for chosen, dtype in (({"number"}, np.float32), ({"time", "offset"}, np.float64)):
            names = [name for name, kind in kinds if kind in chosen]
            bounds = np.array([layout.limits.get(name, default[layout.columns[name]]) for name in names], dtype).reshape(-1, 2)
            required = [row for row, name in enumerate(names) if name in layout.required]
            self._banks.append((names, bounds[:, :1], bounds[:, 1:], required))

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
        return self._texts_fault(columns) or self._numbers_fault(columns, rows) or self._vectors_fault(columns, metadata)

    def _texts_fault(self, columns: list[Any]) -> str | None:
        for name in self._texts:
            column = columns[self._position[name]]
            words, required, pattern = column.dictionary, name in self._layout.required, self._layout.words.get(name)
            if words.null_count:
                return f"{name} has a null among its words"
            if required and column.null_count:
                return f"{name} is unknown in a row"
            if required and "" in words.to_pylist():
                return f"{name} has an empty word"
            if pattern and not all(map(pattern.fullmatch, words.to_pylist())):
                return f"{name} has a word that is no {name}"
        return None

    def _numbers_fault(self, columns: list[Any], rows: int) -> str | None:
        for names, low, high, required in self._banks:
            if not names:
                continue
            values = np.concatenate([columns[self._position[name]].to_numpy() for name in names]).reshape(len(names), rows)
            with np.errstate(invalid="ignore"):
                wrong = (values < low) | (values > high)
            if wrong.any():
                return f"{names[int(wrong.any(axis=1).argmax())]} is beyond anything real"
            unknown = np.isnan(values[required]).any(axis=1)
            if unknown.any():
                return f"{names[required[int(unknown.argmax())]]} is unknown in a row"
        return None

    def _names_fault(self, metadata: Mapping[bytes, bytes]) -> str | None:
        """Return which names of a block without rows cannot be read: who reads it asks for them all the same."""
        for name in self._vectors:
            width = self._layout.widths[name]
            if isinstance(width, str) and width.encode() in metadata and _names(metadata[width.encode()]) is None:
                return f"{width} has no list of names"
        return None

    def _vectors_fault(self, columns: list[Any], metadata: Mapping[bytes, bytes]) -> str | None:
        for name in self._vectors:
            column, width = columns[self._position[name]], self._layout.widths[name]
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
