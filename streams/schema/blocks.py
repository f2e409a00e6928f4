"""Blocks: what travels between stages. Arrow IPC record batches, lz4, one Kafka message each.

A stage pays its cost per block, never per event (`docs/decisions/0001-blocks-not-events.md`). Every layout is declared in
`streams.schema.layouts`, once, with its name and version in the schema's metadata: a reader refuses a layout or version that it does not
know, and what no process of ours would write.

A new column needs no new version, in either direction: a reader takes a column that the writer did not have as unknown, and ignores one
that it does not know itself. A column that changes its meaning, its kind, or goes, is a new version.

A block of few rows travels folded, with one column for all of a kind (`streams.schema.folded`). Both forms read alike.

Kinds of column, and how each says "unknown":

* `text`: dictionary of strings, null. For values that repeat within a block.
* `number`: float32, NaN. Booleans are 0 and 1.
* `time`: float64 seconds since 1970, NaN. `offset`: float64 too, the position of a record in its topic.
* `hash`: uint64, 0. Keyed pseudonyms and sketches; equal values have equal hashes while a key lives.
* `shingles`: 8 hashes. `vector`: float32, of one width in all rows of a block.

A vector by family grows: a reader takes the families that its writer did not know yet as unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.arrays import Hashes
from streams.core.errors import BlockLayoutError
from streams.schema import ipc
from streams.schema.arrow_columns import TYPES, Kind, codes_of, schema_of, to_arrow, to_numpy_column
from streams.schema.folded import MAX_FOLDED_ROWS, MIN_FOLDED_COLUMNS, Fold, fold_of, plain_batch, without_fold
from streams.schema.layout_check import Check, Growing, Unfolded
from streams.schema.prompt_sketch import PROMPT_SHINGLES

Floats = NDArray[np.floating[Any]]
BlockColumns = dict[str, Sequence[str | None] | NDArray[Any]]
"""Columns of one length by name: texts as a list, everything else as an array."""

MAX_BLOCK_ROWS: Final = 262_144
"""A request block has at most 65,536; each of its accounts is in at most three groups."""
MAX_BLOCK_BYTES: Final = 64 * 1024 * 1024
"""Of all columns, unpacked: 65,536 requests take half of that, and their texts 8 MiB."""
MAX_ALIASES: Final = 4_096
"""Pairs of pseudonyms of a block of requests."""

MAX_MESSAGE_BYTES: Final = 4 * 1024 * 1024
"""Of a block that a stage sends, packed: half of what a Kafka record may have."""
MAX_OVERHEAD_BYTES: Final = 512 * 1024
"""Of packing a block: its schema with names and aliases, the headers of its messages, and columns that lz4 cannot shrink."""
MAX_MESSAGE_ROWS: Final = 16_384
"""Of a block that a stage sends: evidence unpacks to 1.4 KB a row."""

_ALIASES: Final = b"aliases"
_WRITE = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_READ = pa.ipc.IpcReadOptions(use_threads=False)  # handing 60 small buffers to threads takes four times as long


class Layout:
    """The columns of one kind of block: its name, its version and each column's kind, in order."""

    def __init__(
        self,
        name: str,
        version: int,
        columns: Mapping[str, Kind],
        *,
        required: Collection[str],
        widths: Mapping[str, int | str] | None = None,
        limits: Mapping[str, tuple[float, float]] | None = None,
        words: Mapping[str, str] | None = None,
    ) -> None:
        """Declare a layout.

        `required` columns are in every block, and unknown in no row. `widths` says of each vector how many values it has, or whose
        names count them. `limits` are the least and the most of a number; `words` the patterns that the values of a text match as a whole.
        """
        self.name = name
        self.version = version
        self.columns = dict(columns)
        self.required = frozenset(required)
        self.widths = dict(widths or {})
        self.limits = dict(limits or {})
        self.words = {key: re.compile(pattern) for key, pattern in (words or {}).items()}
        self.tag = f"{name}/{version}".encode()
        self.check = Check(self)
        self.fold = Fold(self.columns)
        self.position = {key: position for position, key in enumerate(columns)}
        tag: dict[bytes | str, bytes | str] = {b"layout": self.tag}
        self.schema = pa.schema([pa.field(key, TYPES[kind]) for key, kind in columns.items()], metadata=tag)
        self._named: dict[tuple[tuple[str, tuple[str, ...]], ...], dict[bytes, bytes]] = {}

    def batch(self, columns: Mapping[str, object]) -> pa.RecordBatch:
        """Make a record batch of one array, list or Arrow array a column (all of this layout's, all one length).

        Text columns take lists of `str | None` or dictionary arrays; numbers take floats with NaN for unknown.
        """
        return pa.RecordBatch.from_arrays([to_arrow(columns[key], kind) for key, kind in self.columns.items()], schema=self.schema)

    def encode(self, columns: Mapping[str, object], names: Mapping[str, Sequence[str]] | None = None) -> bytes:
        """Return the block of these columns as bytes, ready to send.

        `names` says what the positions of a vector column mean, as in `{"features": ["egress_share", ...]}`.
        """
        return self.block(columns, names).packed

    def block(self, columns: Mapping[str, object], names: Mapping[str, Sequence[str]] | None = None) -> Block:
        """Return the block of these columns. It takes over the memory of arrays that have its dtypes: they must not change after this.

        names: as for `encode`.
        """
        return FreshBlock(self, columns, self._metadata(tuple((key, tuple(words)) for key, words in names.items())) if names else None)

    def block_with_aliases(self, columns: Mapping[str, object], aliases: Sequence[tuple[int, int]]) -> Block:
        """Return the block of these columns, and of these values' pseudonyms under two keys: (now, before) each."""
        if not aliases:
            return self.block(columns)
        written = "".join(f"{now:016x}{before:016x}" for now, before in aliases)
        return FreshBlock(self, columns, {**(self.schema.metadata or {}), _ALIASES: written.encode()})

    def blocks_within(
        self, columns: Mapping[str, Sequence[object] | NDArray[Any]], names: Mapping[str, Sequence[str]] | None = None
    ) -> list[Block]:
        """Return these columns as one block, or as several of consecutive rows when one would be too large to send."""
        rows = len(next(iter(columns.values())))
        if rows <= MAX_MESSAGE_ROWS:
            whole = self.block(columns, names)
            if rows <= 1 or whole.packs_within(MAX_MESSAGE_BYTES):
                return [whole]
        middle = rows // 2
        halves = ({key: values[part] for key, values in columns.items()} for part in (slice(middle), slice(middle, rows)))
        return [block for half in halves for block in self.blocks_within(half, names)]

    def parts(self, columns: BlockColumns, sizes: Sequence[int]) -> list[list[Block]]:
        """Return the blocks of the first `sizes[0]` rows, those of the `sizes[1]` after them, and so on; none for a size of 0."""
        parts, end = list[list[Block]](), 0
        for size in sizes:
            first, end = end, end + size
            cuts = [slice(cut, min(cut + MAX_MESSAGE_ROWS, end)) for cut in range(first, end, MAX_MESSAGE_ROWS)]
            # words are collected part by part, or each block would carry those of all
            parts.append([FreshBlock(self, {key: columns[key][rows] for key in self.columns}) for rows in cuts])
        return parts

    def reads(self, schema: pa.Schema) -> bool:
        """Say whether blocks of a schema can be read: no `required` column is missing, and each of ours is of its kind."""
        names = schema.names
        present = set(names) & self.columns.keys()
        return (
            len(set(names)) == len(names)
            and self.required <= present
            and all(schema.field(name).type == TYPES[self.columns[name]] for name in present)
        )

    def shaped(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch of a schema that can be read with this layout's columns: unknown where it has none, without those of others."""
        metadata = batch.schema.metadata or {}
        present = set(batch.schema.names)
        arrays = [batch.column(name) if name in present else self._unknown(name, batch.num_rows, metadata) for name in self.columns]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema.with_metadata(metadata))

    def _unknown(self, name: str, rows: int, metadata: Mapping[bytes, bytes]) -> Any:
        """Return a column that is unknown in each row."""
        kind = self.columns[name]
        if kind == "vector":
            width = self.widths[name]
            return to_arrow(np.full((rows, width if isinstance(width, int) else len(_names(metadata, width))), np.nan), kind)
        if kind == "text":
            return to_arrow([None] * rows, kind)
        unknown = 0 if kind in {"hash", "shingles"} else np.nan
        return to_arrow(np.full(rows * (PROMPT_SHINGLES if kind == "shingles" else 1), unknown), kind)

    def _metadata(self, names: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[bytes, bytes]:
        known = self._named.get(names)
        if known is None:
            extra = {key.encode(): json.dumps(words).encode() for key, words in names}
            known = self._named[names] = {**(self.schema.metadata or {}), **extra}
        return known


def _names(metadata: Mapping[bytes, bytes], column: str) -> list[str]:
    """Return what the positions of a vector column mean."""
    return list(_words(metadata.get(column.encode(), b"[]")))


@lru_cache(maxsize=64)
def _words(written: bytes) -> tuple[str, ...]:
    return tuple(str(word) for word in json.loads(written))


class Block:
    """A decoded block: its layout, and its columns as NumPy arrays on demand."""

    def __init__(self, layout: Layout, batch: pa.RecordBatch) -> None:
        """Read a batch of the layout's schema."""
        self.layout = layout
        self._batch = batch
        self._arrays: dict[str, NDArray[Any]] = {}

    @property
    def batch(self) -> pa.RecordBatch:
        """The columns as Arrow has them."""
        return self._batch

    def __len__(self) -> int:
        """Count the rows."""
        return int(self.batch.num_rows)

    @cached_property
    def packed(self) -> bytes:
        """Return the block as bytes, ready to send."""
        return encode(self.batch)

    def packs_within(self, most: int) -> bool:
        """Return whether the block's bytes are at most so many. It is packed only where its size in memory leaves that open."""
        return self._nbytes() + MAX_OVERHEAD_BYTES <= most or len(self.packed) <= most

    def numbers(self, name: str) -> Floats:
        """Return a number or time column, shape (rows,), NaN where unknown."""
        numbers: Floats = self._read(name)
        return numbers

    def hashes(self, name: str) -> Hashes:
        """Return a hash column, shape (rows,), or the shingles, shape (rows, 8); 0 where unknown."""
        if self.layout.columns[name] != "shingles":
            hashes: Hashes = self._read(name)
            return hashes
        flat: Hashes = self._column(name).flatten().to_numpy()
        return flat.reshape(len(self), PROMPT_SHINGLES)

    def vectors(self, name: str) -> Floats:
        """Return a vector column, shape (rows, width), float32; NaN where its writer did not know a position yet."""
        flat: Floats = self._column(name).flatten().to_numpy()
        width = self.layout.widths[name]
        if not len(self):  # of no rows no width can be seen
            return flat.reshape(0, len(self.names(width)) if isinstance(width, str) else width)
        rows = flat.reshape(len(self), -1)
        missing = width - rows.shape[1] if isinstance(width, Growing) else 0
        return np.pad(rows, ((0, 0), (0, missing)), constant_values=np.nan) if missing else rows

    def codes(self, name: str) -> NDArray[np.int32]:
        """Return a text column as indices into `words(name)`, shape (rows,), -1 where unknown."""
        codes = self._arrays.get(name)
        if codes is None:
            codes = self._arrays[name] = codes_of(self._column(name).indices)
        return codes

    def words(self, name: str) -> list[str]:
        """Return the distinct values of a text column."""
        words: list[str] = self._column(name).dictionary.to_pylist()
        return words

    def texts(self, name: str) -> list[str | None]:
        """Return a text column as strings, None where unknown."""
        texts: list[str | None] = self._column(name).to_pylist()
        return texts

    def names(self, column: str) -> list[str]:
        """Return what the positions of a vector column mean."""
        return _names(self._metadata(), column)

    def aliases(self) -> Hashes:
        """Return the pairs of pseudonyms (now, before) that a block of requests carries while a key replaces another, (pairs, 2).

        Raises:
            BlockLayoutError: They have another form than ours.
        """
        written = self._metadata().get(_ALIASES, b"")
        if len(written) > 32 * MAX_ALIASES or not re.fullmatch(rb"([0-9a-f]{32})*", written):
            raise BlockLayoutError(f"the aliases of a block are at most {MAX_ALIASES} pairs of hashes")
        return np.frombuffer(bytes.fromhex(written.decode()), ">u8").astype(np.uint64).reshape(-1, 2)

    def take(self, rows: Sequence[int] | NDArray[Any]) -> Block:
        """Return the block of these rows."""
        return Block(self.layout, self.batch.take(pa.array(rows)))

    def compact(self, name: str) -> Block:
        """Return the block with only those words of a text column that its rows use."""
        position = self.layout.position[name]
        used = self.batch.column(position).cast(pa.string()).dictionary_encode()
        return Block(self.layout, self.batch.set_column(position, self.batch.schema.field(position), used))

    def _read(self, name: str) -> NDArray[Any]:
        values = self._arrays.get(name)
        if values is None:
            values = self._arrays[name] = self._column(name).to_numpy(zero_copy_only=False)
        return values

    def _column(self, name: str) -> Any:
        return self.batch.column(self.layout.position[name])

    def _metadata(self) -> Mapping[bytes, bytes]:
        return self.batch.schema.metadata or {}

    def _nbytes(self) -> int:
        return int(self.batch.nbytes)


class FreshBlock(Block):
    """A block that this process made: its columns are arrays already, and become Arrow's when somebody asks for its bytes."""

    def __init__(self, layout: Layout, columns: Mapping[str, object], metadata: Mapping[bytes, bytes] | None = None) -> None:
        """Take over columns as `Layout.block` gets them. metadata: of the schema, None for the layout's own."""
        self.layout = layout
        self._columns = {name: to_numpy_column(columns[name], kind) for name, kind in layout.columns.items()}
        self._written = metadata
        self._words: dict[str, tuple[NDArray[np.int32], list[str]]] = {}

    def __len__(self) -> int:
        """Count the rows."""
        return len(next(iter(self._columns.values())))

    @cached_property
    def batch(self) -> pa.RecordBatch:
        """The columns as Arrow has them."""
        batch = self.layout.batch(self._columns)
        return batch.replace_schema_metadata({**self._written}) if self._written else batch

    @cached_property
    def packed(self) -> bytes:
        """Return the block as bytes, ready to send."""
        if len(self) > MAX_FOLDED_ROWS or len(self.layout.columns) < MIN_FOLDED_COLUMNS:
            return super().packed
        fold = self.layout.fold
        return encode(fold.fold(self._columns, {name: to_arrow(self.vectors(name), "vector") for name in fold.vectors}, self._metadata()))

    def numbers(self, name: str) -> Floats:
        """Return a number or time column, shape (rows,), NaN where unknown."""
        numbers: Floats = self._columns[name]
        return numbers

    def hashes(self, name: str) -> Hashes:
        """Return a hash column, shape (rows,), or the shingles, shape (rows, 8); 0 where unknown."""
        hashes: Hashes = self._columns[name]
        return hashes

    def vectors(self, name: str) -> Floats:
        """Return a vector column, shape (rows, width), float32; NaN where unknown."""
        vectors: Floats = self._columns[name]
        return vectors

    def codes(self, name: str) -> NDArray[np.int32]:
        """Return a text column as indices into `words(name)`, shape (rows,), -1 where unknown."""
        return self._coded(name)[0]

    def words(self, name: str) -> list[str]:
        """Return the distinct values of a text column."""
        return self._coded(name)[1]

    def texts(self, name: str) -> list[str | None]:
        """Return a text column as strings, None where unknown."""
        texts: list[str | None] = self._columns[name]
        return texts

    def _coded(self, name: str) -> tuple[NDArray[np.int32], list[str]]:
        if name not in self._words:
            texts = self._columns[name]
            words = [word for word in dict.fromkeys(texts) if word is not None]
            numbers = {word: number for number, word in enumerate(words)} | {None: -1}
            self._words[name] = np.array([numbers[text] for text in texts], np.int32), words
        return self._words[name]

    def _metadata(self) -> Mapping[bytes, bytes]:
        return self._written or self.layout.schema.metadata or {}

    def _nbytes(self) -> int:
        widest = 4  # bytes of a character in UTF-8
        size = 0
        for values in self._columns.values():
            size += widest * (len(values) + sum(map(len, filter(None, values)))) if isinstance(values, list) else int(values.nbytes)
        return size


class UnfoldedBlock(FreshBlock):
    """A block that was folded when it travelled: its columns are arrays already."""

    def __init__(self, layout: Layout, unfolded: Unfolded, metadata: Mapping[bytes, bytes]) -> None:
        """Take over the columns that were unfolded. metadata: of the block."""
        self.layout, self._unfolded, self._written = layout, unfolded, metadata
        self._columns, self._words = unfolded.columns, unfolded.texts

    def __len__(self) -> int:
        """Count the rows."""
        return self._unfolded.rows

    @cached_property
    def batch(self) -> pa.RecordBatch:
        """The columns as Arrow has them."""
        return plain_batch(self.layout.columns, self._unfolded, self._metadata())

    @cached_property
    def packed(self) -> bytes:
        """Return the block as bytes, ready to send."""
        return encode(self.batch)

    def vectors(self, name: str) -> Floats:
        """Return a vector column, shape (rows, width), float32; NaN where its writer did not know a position yet."""
        return Block.vectors(self, name)

    def texts(self, name: str) -> list[str | None]:
        """Return a text column as strings, None where unknown."""
        codes, words = self._words[name]
        return [words[code] if code >= 0 else None for code in codes.tolist()]

    def take(self, rows: Sequence[int] | NDArray[Any]) -> Block:
        """Return the block of these rows."""
        return UnfoldedBlock(self.layout, self._unfolded.take(np.asarray(rows, np.intp)), self._metadata())

    def _column(self, name: str) -> Any:
        return self._unfolded.vectors[name]

    def _nbytes(self) -> int:
        return int(self.batch.nbytes)


class _KnownSchema(NamedTuple):
    """What a schema that was read before is."""

    layout: Layout
    is_same: bool
    """Whether it has the layout's columns, none more and none less."""
    dictionaries: int
    fold: Fold | None
    metadata: Mapping[bytes, bytes]
    """Those of the block, without its fold."""

    @classmethod
    def of(cls, schema: pa.Schema, layouts: Sequence[Layout]) -> _KnownSchema | None:
        """Return by which of these layouts a schema can be read; None if by none. Raises ValueError if it is folded as no block of ours."""
        metadata = schema.metadata or {}
        layout = next((each for each in layouts if metadata.get(b"layout") == each.tag), None)
        if layout is None:
            return None
        if fold := fold_of(schema):
            is_same = fold.is_of(layout.fold)
            plain = schema_of(fold.kinds, without_fold(metadata))
            return cls(layout, is_same, len({"text"} & fold.names.keys()), fold, plain.metadata) if is_same or layout.reads(plain) else None
        is_same = schema.equals(layout.schema)
        dictionaries = sum(map(pa.types.is_dictionary, schema.types))
        return cls(layout, is_same, dictionaries, None, metadata) if is_same or layout.reads(schema) else None

    def block(self, batch: pa.RecordBatch) -> tuple[Block, str | None]:
        """Return the block of a batch that Arrow has validated, and what is wrong with it. Raises ValueError for a null in a fold."""
        layout = self.layout
        if self.fold:
            unfolded = self.fold.unfold(batch)
            if self.is_same:
                return UnfoldedBlock(layout, unfolded, self.metadata), layout.check.folded_fault(unfolded, self.metadata)
            batch = plain_batch(self.fold.kinds, unfolded, self.metadata)
        batch = batch if self.is_same else layout.shaped(batch)
        return Block(layout, batch), layout.check.fault(batch)


MAX_KNOWN_SCHEMAS: Final = 64
_KNOWN_SCHEMAS: Final[dict[bytes, _KnownSchema]] = {}
"""Schemas by the bytes that they were read from: comparing sixty columns takes as long as reading them."""


_UNREADABLE: Final = (pa.ArrowException, ValueError, OSError, StopIteration, MemoryError)


def encode(batch: pa.RecordBatch) -> bytes:
    """Return a record batch as one Arrow IPC stream, lz4-compressed."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_WRITE) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def decode(data: bytes | Block, *layouts: Layout) -> Block:
    """Read a block of one of these layouts. One that was never packed was made in this process: it is returned as it is.

    Raises BlockLayoutError, which names the column and quotes nothing, when the bytes are cut short, are no Arrow, are of another layout
    or version, would take too much memory, or hold what the layout does not allow (`streams.schema.layout_check`).
    """
    expected = " or ".join(layout.tag.decode() for layout in layouts)
    if isinstance(data, Block):
        if data.layout not in layouts:
            raise BlockLayoutError(f"expected a block of layout {expected}, found {data.layout.tag.decode()}")
        return data
    try:
        size, head = _measured(data), ipc.schema_message(data)
        with pa.ipc.open_stream(data, options=_READ) as reader:
            known = _KNOWN_SCHEMAS.get(head)
            if known is None or known.layout not in layouts:
                known = _KnownSchema.of(reader.schema, layouts)
                if known is None:
                    raise BlockLayoutError(f"expected a block of layout {expected}, found {_shown(reader.schema)}")
                if len(_KNOWN_SCHEMAS) >= MAX_KNOWN_SCHEMAS:
                    _KNOWN_SCHEMAS.clear()
                _KNOWN_SCHEMAS[head] = known
            if size.batches != 1 or size.dictionaries != known.dictionaries:
                raise BlockLayoutError(f"a block of layout {expected} has {size.batches} batches and {size.dictionaries} dictionaries")
            block, fault = known.block(_validated(reader))
    except _UNREADABLE as error:
        message = f"not a readable block of layout {expected}, {len(data)} bytes ({type(error).__name__})"
        raise BlockLayoutError(message) from error
    if fault:
        raise BlockLayoutError(f"a block of layout {expected}: {fault}")
    return block


def decode_part(data: bytes, whole: Layout, part: Layout) -> Block:
    """Read the columns of `part`, which are some of `whole`, alone where that costs less. Raises BlockLayoutError as `decode` does.

    data: a block of `whole`, as it was sent.
    """
    known = _KNOWN_SCHEMAS.get(ipc.schema_message(data))
    if known and known.layout is whole and known.is_same and not known.fold:
        fields = [whole.position[name] for name in part.columns]
        with suppress(*_UNREADABLE):
            _measured(data)
            with pa.ipc.open_stream(data, options=pa.ipc.IpcReadOptions(use_threads=False, included_fields=fields)) as reader:
                batch = _validated(reader)
            if not part.check.fault(batch):
                return Block(part, batch)
    return decode(data, whole)  # one that is folded, or was never seen, or whose fault has to be named


def _measured(data: bytes) -> ipc.Size:
    """Return the size of a block, which is not too large to be read: see `streams.schema.ipc`."""
    size = ipc.size(data)
    if size.rows > MAX_BLOCK_ROWS or size.bytes > MAX_BLOCK_BYTES:
        raise BlockLayoutError(f"a block of {size.rows} rows and {size.bytes} bytes: at most {MAX_BLOCK_ROWS} and {MAX_BLOCK_BYTES}")
    return size


def _validated(reader: Any) -> pa.RecordBatch:
    """Return the first batch of a stream."""
    batch: pa.RecordBatch = reader.read_next_batch()
    batch.validate(full=True)
    return batch


def _shown(schema: pa.Schema) -> str:
    """Return the layout that a block names, if it looks like one: a stranger's text is not for our logs."""
    tag = (schema.metadata or {}).get(b"layout", b"")
    return tag.decode() if re.fullmatch(rb"[a-z]{1,20}/[0-9]{1,4}", tag) else "none"
