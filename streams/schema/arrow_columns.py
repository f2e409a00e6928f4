"""Columns of a block between NumPy's arrays and Arrow's, by their kinds (`streams.schema.blocks` says what each is)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from streams.schema.prompt_sketch import PROMPT_SHINGLES

Kind = Literal["text", "number", "time", "offset", "hash", "shingles", "vector"]
Column = Any
"""Values of one kind: a list of texts, an array of NumPy's, or one of Arrow's."""
TYPES: Final[dict[Kind, pa.DataType]] = {
    "text": pa.dictionary(pa.int32(), pa.string()),
    "number": pa.float32(),
    "time": pa.float64(),
    "offset": pa.float64(),
    "hash": pa.uint64(),
    "shingles": pa.list_(pa.uint64(), PROMPT_SHINGLES),
    "vector": pa.list_(pa.float32()),
}
DTYPES: Final[dict[Kind, Any]] = {"number": np.float32, "time": np.float64, "offset": np.float64, "hash": np.uint64}


def to_arrow(values: Column, kind: Kind) -> Column:
    """Return a column as Arrow's array. Texts are a list, all else is an array; what is Arrow's already stays as it is."""
    if isinstance(values, pa.Array):
        return values
    if kind == "text":
        return pa.array(values, TYPES["text"])
    if kind == "shingles":
        return pa.FixedSizeListArray.from_arrays(_plain(values, "hash"), PROMPT_SHINGLES)
    if kind == "vector":
        matrix = np.asarray(values)
        width = matrix.shape[1] if matrix.ndim > 1 else 0
        offsets = np.arange(len(matrix) + 1, dtype=np.int32) * np.int32(width)
        return pa.ListArray.from_arrays(pa.array(offsets), _plain(matrix, "number"))
    return _plain(values, kind)


def _plain(values: Any, kind: Kind) -> Any:
    """Return numbers of any shape as one Arrow array. NumPy converts, and hands over its memory: pyarrow takes ten times as long."""
    flat: Any = np.ascontiguousarray(values, DTYPES[kind]).reshape(-1)
    return pa.Array.from_buffers(TYPES[kind], len(flat), [None, pa.py_buffer(flat)])


def codes_of(indices: Any) -> NDArray[np.int32]:
    """Return Arrow's indices, (rows,), -1 for null: from their buffers, as `fill_null` takes as long as to decode a small block."""
    if indices.null_count == 0:
        codes: NDArray[np.int32] = indices.to_numpy()
        return codes
    first, end = indices.offset, indices.offset + len(indices)
    bits, values = indices.buffers()
    known = np.unpackbits(np.frombuffer(bits, np.uint8), count=end, bitorder="little")[first:]
    return np.where(known, np.frombuffer(values, np.int32, end)[first:], np.int32(-1))


def schema_of(kinds: Mapping[str, Kind], metadata: Mapping[bytes, bytes]) -> pa.Schema:
    """Return Arrow's schema of columns, by name their kind."""
    return pa.schema([pa.field(name, TYPES[kind]) for name, kind in kinds.items()]).with_metadata({**metadata})


def coded(codes: NDArray[np.int32], words: Sequence[str]) -> Column:
    """Return a text column as Arrow's array. codes: (rows,), -1 where unknown."""
    indices: Any = pa.array(codes, mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words, pa.string()))


def to_numpy_column(values: Column, kind: Kind) -> Column:
    """Return a column as its readers get it: a list of texts, or an array of the kind's dtype and shape."""
    if kind == "text":
        return values.to_pylist() if isinstance(values, pa.Array) else values
    if isinstance(values, pa.Array):
        column: Any = values
        nested = kind in {"shingles", "vector"}
        values = (
            column.flatten().to_numpy().reshape(len(column), column.type.list_size) if nested else column.to_numpy(zero_copy_only=False)
        )
    if kind == "shingles":
        return np.ascontiguousarray(values, np.uint64).reshape(-1, PROMPT_SHINGLES)
    if kind == "vector":
        matrix = np.ascontiguousarray(values, np.float32)
        return matrix if matrix.ndim > 1 else matrix.reshape(len(matrix), -1) if len(matrix) else matrix.reshape(0, 0)
    return np.ascontiguousarray(values, DTYPES[kind])
