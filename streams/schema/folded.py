"""Small blocks, folded: all columns of a kind travel as one, because each column of Arrow costs the same whatever it holds.

A block of sixty columns is read and written in a time that is its columns', not its rows': a buffer or two for each, and a message for
each dictionary of words. Folded it has one column a kind, in which each row is a list: row 1 of the column `every number` is the numbers
of event 1, in the order that the schema's metadata says. All texts share one dictionary, in which the words of a column stand together.

Vectors stay as they are. What a block of more rows gains by this is lost to lz4, which finds less in rows than in columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from streams.schema.arrow_columns import Column, Kind, coded, codes_of, schema_of, to_arrow
from streams.schema.layout_check import MAX_NAMES, Texts, Unfolded
from streams.schema.prompt_sketch import PROMPT_SHINGLES

MAX_FOLDED_ROWS: Final = 256
"""Of a block that is folded when it is sent."""

MIN_FOLDED_COLUMNS: Final = 20
"""Of a block that is folded: with ten columns it takes longer."""

_METADATA: Final = b"folded"
_VECTOR: Final = pa.list_(pa.float32())
_TYPES: Final[Mapping[Kind, tuple[pa.DataType, int]]] = {
    "number": (pa.float32(), 1),
    "time": (pa.float64(), 1),
    "offset": (pa.float64(), 1),
    "hash": (pa.uint64(), 1),
    "shingles": (pa.uint64(), PROMPT_SHINGLES),
    "text": (pa.dictionary(pa.int32(), pa.string()), 1),
}
"""Type of each folded kind, and how many values a column has in a row."""


class Fold:
    """How columns are folded."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        """Fold these columns, by name their kind."""
        self.kinds = dict(kinds)
        self.names = {kind: names for kind in _TYPES if (names := [name for name in kinds if kinds[name] == kind])}
        self.vectors = [name for name, kind in kinds.items() if kind == "vector"]
        folded = [(f"every {kind}", pa.list_(_TYPES[kind][0], _TYPES[kind][1] * len(names))) for kind, names in self.names.items()]
        self.schema = pa.schema([*folded, *((name, _VECTOR) for name in self.vectors)])
        self._metadata = {_METADATA: orjson.dumps(self.names)}

    def is_of(self, other: Fold) -> bool:
        """Return whether both fold the same columns, in the same order of each kind."""
        return self.names == other.names and self.vectors == other.vectors

    def fold(self, columns: Mapping[str, Column], vectors: Mapping[str, Column], metadata: Mapping[bytes, bytes]) -> pa.RecordBatch:
        """Return these columns as a folded batch.

        Args:
            columns: Arrays, and texts as lists, by name, all of one length.
            vectors: The vectors as Arrow's arrays.
            metadata: Of the block.
        """
        arrays = [
            pa.FixedSizeListArray.from_arrays(
                _words([columns[name] for name in names]) if kind == "text" else _values([columns[name] for name in names]),
                _TYPES[kind][1] * len(names),
            )
            for kind, names in self.names.items()
        ]
        schema = self.schema.with_metadata({**metadata, **self._metadata})
        return pa.RecordBatch.from_arrays([*arrays, *(vectors[name] for name in self.vectors)], schema=schema)

    def unfold(self, batch: pa.RecordBatch) -> Unfolded:
        """Return the columns of a batch of this fold's schema, which Arrow has validated. Raises ValueError where it has a null."""
        rows = batch.num_rows
        matrices: dict[str, NDArray[Any]] = {}
        columns: dict[str, NDArray[Any]] = {}
        texts: Texts = {}
        for position, (kind, names) in enumerate(self.names.items()):
            lists: Any = batch.column(position)
            values = lists.values  # all of them: the rows are those of a batch that was just read
            if lists.null_count or (kind != "text" and values.null_count):
                raise ValueError(f"a {kind} has a null")
            if kind == "text":
                texts = _unfolded_texts(names, values, rows)
                continue
            shape = (rows, len(names), PROMPT_SHINGLES) if kind == "shingles" else (rows, len(names))
            matrices[kind] = np.ascontiguousarray(values.to_numpy().reshape(shape).swapaxes(0, 1))
            columns.update(zip(names, matrices[kind], strict=True))
        vectors = {name: batch.column(position) for position, name in enumerate(self.vectors, len(self.names))}
        return Unfolded(rows, matrices, columns, texts, vectors)


def fold_of(schema: pa.Schema) -> Fold | None:
    """Return how a block of this schema is folded; None if it is not. Raises ValueError if its metadata say something else."""
    metadata = schema.metadata or {}
    if _METADATA not in metadata:
        return None
    names = orjson.loads(metadata[_METADATA])
    if not isinstance(names, dict) or not all(kind in _TYPES and _is_names(names[kind]) for kind in names):
        raise ValueError("a fold that is not of our kinds")
    kinds = {name: kind for kind in names for name in names[kind]}
    vectors = schema.names[len(names) :]
    fold = Fold({**kinds, **dict.fromkeys(vectors, "vector")})
    if len(fold.kinds) != sum(map(len, names.values())) + len(vectors) or not schema.equals(fold.schema):
        raise ValueError("a fold whose columns are others than it says")
    return fold


def plain_batch(kinds: Mapping[str, Kind], unfolded: Unfolded, metadata: Mapping[bytes, bytes]) -> pa.RecordBatch:
    """Return the columns of a folded block as Arrow has them, in the order of `kinds`, with the `metadata` of the block."""
    arrays = unfolded.vectors | {name: coded(codes, words) for name, (codes, words) in unfolded.texts.items()}
    columns = [arrays[name] if name in arrays else to_arrow(unfolded.columns[name], kind) for name, kind in kinds.items()]
    return pa.RecordBatch.from_arrays(columns, schema=schema_of(kinds, metadata))


def without_fold(metadata: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the metadata of a block without those of its fold."""
    return {key: value for key, value in metadata.items() if key != _METADATA}


def _is_names(names: object) -> bool:
    return isinstance(names, list) and 0 < len(names) <= MAX_NAMES and all(isinstance(name, str) for name in names)


def _values(columns: Sequence[NDArray[Any]]) -> Any:
    """Return columns of one dtype as one Arrow array, row by row."""
    return pa.array(np.array(columns).swapaxes(0, 1).reshape(-1))


def _words(columns: Sequence[Sequence[str | None]]) -> Any:
    """Return columns of texts as one Arrow array, row by row: their dictionary has the words of the first column first."""
    words, codes = list[str](), list[list[int]]()
    for column in columns:
        known: dict[str | None, int] = dict.fromkeys(column, -1)
        known.pop(None, None)
        known.update(zip(known, range(len(words), len(words) + len(known)), strict=True))
        words.extend(known)  # type: ignore[arg-type]  # None is not among them
        known[None] = -1
        codes.append([known[text] for text in column])
    flat = np.array(codes, np.int32).reshape(len(columns), -1).T.reshape(-1)
    return coded(flat, words)


def _unfolded_texts(names: Sequence[str], values: Any, rows: int) -> Texts:
    """Return the texts of a folded block: of the words that all columns share, each has those between its first and its last."""
    if values.dictionary.null_count:
        raise ValueError("a text has a null among its words")
    words = values.dictionary.to_pylist()
    if not rows:
        return {name: (np.zeros(0, np.int32), []) for name in names}
    codes = codes_of(values.indices).reshape(rows, -1).T
    known = codes >= 0
    first = np.where(known, codes, len(words)).min(axis=1)
    last = codes.max(axis=1)
    if np.maximum(last - first + 1, 0).sum() > len(words):  # each column with a list of all words could take any memory
        raise ValueError("the words of a text do not stand together")
    codes = np.where(known, codes - first[:, None], -1).astype(np.int32)
    parts = zip(names, codes, first.tolist(), last.tolist(), strict=True)
    return {name: (column, words[begin : end + 1]) for name, column, begin, end in parts}
