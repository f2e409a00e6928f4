"""State of many entities as columns: one NumPy array for each quantity, one slot for each entity.

An object per entity costs a Python call per event; a column costs one call per block. `Columns` maps entity keys to slots, marks the rows
that each block changed, and is stored as chunks of rows in plain bytes (never pickle).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

Slots = NDArray[np.int64]

CHUNK_ROWS = 256
"""Entities in a chunk. A write to a Faust table costs about 120 us (November 2026), here once for 256 entities."""

_FORMAT_VERSION = 2
_MAX_CHUNK_BYTES = 64 * 1024 * 1024
_NO_OFFSET = -1
_MAX_LOST_CHUNKS = 64
_MAX_NUMBER_DIGITS = 9
_MAX_COLUMN_VALUES = 1 << 16


_Dtype = Annotated[str, msgspec.Meta(pattern="^(f[248]|[iu][1248])$")]
"""NumPy reads far more than a dtype from a string, and fails in ways of its own."""


class _Header(msgspec.Struct, frozen=True):
    """What stands before the columns of a stored chunk."""

    format: int
    offsets: list[Annotated[int, msgspec.Meta(ge=_NO_OFFSET, lt=1 << 62)]]
    """Offset of the newest block that a row contains: one for all rows, or one a row."""
    rows: Annotated[int, msgspec.Meta(ge=0)]
    keys: list[str]
    columns: list[tuple[str, _Dtype, Annotated[int, msgspec.Meta(gt=0, le=_MAX_COLUMN_VALUES)], list[str]]]
    """Name, dtype, number of values an entity, and their labels."""


class StateLayoutError(Exception):
    """A stored chunk cannot be read by this version. It is counted, and its entities start empty."""


@dataclass(frozen=True)
class Field:
    """One column: its dtype, the value of a new entity, and its second axis.

    The second axis has `labels` (stored values are matched by name, so versions may differ), or a plain `width`; with neither a column
    has one value an entity.
    """

    dtype: str
    fill: float = 0
    labels: tuple[str, ...] = ()
    width: int = 0
    doc: str = ""
    """What it holds, and in which unit."""
    formerly: tuple[str, ...] = ()
    """Names under which earlier versions stored it: what they stored is read under this one."""

    @property
    def size(self) -> int:
        """Number of values of an entity in this column."""
        return max(1, len(self.labels), self.width)

    def empty(self, rows: int) -> NDArray[Any]:
        """Return `rows` rows of new entities, (rows,) or (rows, size)."""
        shape = (rows, self.size) if self.labels or self.width else (rows,)
        if not self.fill:
            return np.zeros(shape, np.dtype(self.dtype))  # takes memory row by row, as rows are used
        return np.full(shape, self.fill, np.dtype(self.dtype))


class Columns:
    """A table of entities: key -> slot, and one array per field.

    Offsets are those of the blocks in the stage's input. `touch(slots, offset)` marks the rows that a block changed;
    `not_applied(slots, offset)` returns the rows that do not contain a repeated block yet. So each event counts exactly once, after any
    crash.
    """

    def __init__(self, name: str, fields: Mapping[str, Field], chunk_rows: int = CHUNK_ROWS, cells: int = 0) -> None:
        """Make an empty table.

        Args:
            name: First part of the chunks' keys.
            fields: Columns by name, in stored order.
            chunk_rows: Rows in a chunk.
            cells: Number of numbered rows; 0 for a table of named entities.
        """
        self.name = name
        self.fields = dict(fields)
        self._field_of = {former: key for key, field in fields.items() for former in field.formerly if former not in fields}
        self.chunk_rows = chunk_rows
        self.cells = cells
        self.capacity = cells or chunk_rows
        self.keys: list[str] = []
        self._slot_of: dict[str, int] = {}
        self._free: list[int] = []
        self._arrays = {key: field.empty(self.capacity) for key, field in self.fields.items()}
        self._contained = np.full(self.capacity, _NO_OFFSET, np.int64)
        self._touched = np.full(self.capacity, _NO_OFFSET, np.int64)
        self._newest_contained = _NO_OFFSET
        self._dirty: dict[int, int] = {}
        self._applied = _NO_OFFSET
        self.unreadable_chunks = 0

    def __len__(self) -> int:
        """Return the number of entities."""
        return len(self._slot_of)

    def __getitem__(self, field: str) -> NDArray[Any]:
        """Return the array of a field, (capacity,) or (capacity, size). Growth replaces it: do not store it."""
        return self._arrays[field]

    def __contains__(self, key: str) -> bool:
        """Return whether an entity has a slot."""
        return key in self._slot_of

    @property
    def slots(self) -> Slots:
        """All slots in use, ascending, (entities,)."""
        return np.fromiter(sorted(self._slot_of.values()), np.int64, len(self._slot_of))

    @property
    def nbytes(self) -> int:
        """Bytes of all columns, including unused capacity."""
        return sum(array.nbytes for array in self._arrays.values())

    @property
    def bytes_per_row(self) -> int:
        """Bytes of an entity in all columns, without its key and dictionary entry."""
        return self.nbytes // self.capacity

    def find(self, key: str) -> int:
        """Return an entity's slot, -1 if it has none."""
        return self._slot_of.get(key, -1)

    def intern(self, keys: Sequence[str]) -> Slots:
        """Return the slot of every key, (keys,); new entities get one.

        >>> table = Columns("accounts", {"requests": Field("f8")})
        >>> table.intern(["a", "b", "a"]).tolist(), table.find("c")
        ([0, 1, 0], -1)
        """
        get = self._slot_of.get
        slots = [get(key, -1) for key in keys]
        if -1 in slots:
            slots = [self._add(key) if slot < 0 else slot for key, slot in zip(keys, slots, strict=True)]
        return np.array(slots, np.int64)

    def _add(self, key: str) -> int:
        known = self._slot_of.get(key)
        if known is not None:
            return known
        if self._free:
            slot = self._free.pop()
            self.keys[slot] = key
        else:
            slot = len(self.keys)
            self.keys.append(key)
            if slot >= self.capacity:
                self._grow(slot + 1)
        self._slot_of[key] = slot
        return slot

    def _grow(self, rows: int) -> None:
        """Double the capacity until it has room for so many rows."""
        before = self.capacity
        while self.capacity < rows:
            self.capacity *= 2
        if self.capacity == before:
            return
        for name, field in self.fields.items():
            grown = field.empty(self.capacity)
            grown[:before] = self._arrays[name]
            self._arrays[name] = grown
        never = np.full(self.capacity - before, _NO_OFFSET, np.int64)
        self._contained = np.concatenate([self._contained, never])
        self._touched = np.concatenate([self._touched, never])

    def idle(self, candidates: NDArray[np.bool_], offset: int) -> list[str]:
        """Return the keys of candidate rows that no block from `offset` on has changed.

        Only such rows may be evicted: blocks from `offset` on may be repeated after a crash, and would count twice in a row that starts
        empty.

        Args:
            candidates: Which rows are candidates, (capacity,).
            offset: Offset of the oldest block that may be repeated.
        """
        rows = np.flatnonzero(candidates & (self._touched < offset))
        return [self.keys[slot] for slot in rows.tolist() if slot < len(self.keys) and self.keys[slot]]

    def least(self, values: NDArray[Any], offset: int, most: int) -> list[str]:
        """Return the keys of `most` rows with the smallest values, shape (capacity,), of those that `idle` would return."""
        candidates = np.flatnonzero((self._touched >= 0) & (self._touched < offset))
        if len(candidates) > most:
            candidates = candidates[np.argpartition(values[candidates], most)[:most]]
        return [self.keys[slot] for slot in candidates.tolist() if slot < len(self.keys) and self.keys[slot]]

    def evict(self, key: str, offset: int) -> bytes:
        """Remove an entity and return its row as bytes, for `restore`. Its slot becomes free, and its chunk counts as changed.

        Raises:
            KeyError: If the entity has no slot.
        """
        slot = self._slot_of.pop(key)
        packed = self._pack(slice(slot, slot + 1))
        self.keys[slot] = ""
        self._free.append(slot)
        for name, field in self.fields.items():
            self._arrays[name][slot] = field.fill
        self.touch(np.array([slot]), offset)
        self._contained[slot] = self._touched[slot] = _NO_OFFSET
        return packed

    def restore(self, data: bytes) -> None:
        """Restore an evicted entity.

        Raises:
            StateLayoutError: If the bytes cannot be read; the entity then starts empty.
        """
        header, body = _parse(data, 1)
        if len(header.keys) != 1:
            raise StateLayoutError("an evicted entity is one row with its key")
        self._unpack(header, body, np.array([0]), self.intern(header.keys))

    def not_applied(self, slots: Slots, offset: int) -> NDArray[np.bool_]:
        """Return for each row whether it does not contain the block at `offset` yet, (rows,). All true outside of a replay."""
        if offset > self._newest_contained:
            return np.ones(len(slots), np.bool_)
        return self._contained[slots] < offset

    def touch(self, slots: Slots, offset: int) -> None:
        """Mark these rows as changed by the block at `offset`."""
        self._applied = max(self._applied, offset)
        self._touched[slots] = offset
        for chunk in np.flatnonzero(np.bincount(slots // self.chunk_rows)).tolist():
            self._dirty.setdefault(chunk, offset)

    def dirty(self) -> dict[str, int]:
        """Return the chunks that changed since their last dump, with the offset of the first change of each."""
        return {f"{self.name}/{chunk}": offset for chunk, offset in self._dirty.items()}

    def dump(self, chunk_key: str) -> bytes:
        """Return a chunk as bytes; it is clean afterwards."""
        chunk = int(chunk_key.rpartition("/")[2])
        self._dirty.pop(chunk, None)
        return self._pack(slice(chunk * self.chunk_rows, min((chunk + 1) * self.chunk_rows, self.cells or len(self.keys))))

    def _pack(self, part: slice) -> bytes:
        # in a replay, loaded rows contain later blocks than new rows: each has an offset of its own
        contained = np.maximum(self._contained[part], self._applied)
        alike = contained.size == 0 or bool((contained == contained[0]).all())
        header = _Header(
            format=_FORMAT_VERSION,
            offsets=[int(contained.max(initial=_NO_OFFSET))] if alike else contained.tolist(),
            rows=part.stop - part.start,
            keys=self.keys[part],
            columns=[(name, field.dtype, field.size, list(field.labels)) for name, field in self.fields.items()],
        )
        head = msgspec.json.encode(header)
        body = b"".join(self._arrays[name][part].tobytes() for name in self.fields)
        return zstandard.compress(len(head).to_bytes(4, "little") + head + body, 1)

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Load chunks into an empty table. A chunk that cannot be read is counted in `unreadable_chunks` and skipped."""
        stored = list(chunks)
        # chunks are filled in sequence: a number far above the number of chunks is foreign, and would need memory for all before it
        most = -(-self.cells // self.chunk_rows) if self.cells else 2 * len(stored) + _MAX_LOST_CHUNKS
        numbered = [(number, data) for name, data in stored if (number := _index(name)) is not None and number < most]
        self.unreadable_chunks += len(stored) - len(numbered)
        if numbered and not self.cells:
            self._grow((max(numbered)[0] + 1) * self.chunk_rows)  # once, not again and again
        for number, data in sorted(numbered):
            try:
                self._load(number, data)
            except StateLayoutError:
                self.unreadable_chunks += 1
        self._free = [slot for slot, key in enumerate(self.keys) if not key]

    def _load(self, chunk: int, data: bytes) -> None:
        """Load the rows of a chunk into the slots that they had, so that the next dump of the chunk replaces it."""
        header, body = _parse(data, self.chunk_rows)
        if len(header.keys) != (0 if self.cells else header.rows):
            raise StateLayoutError("a stored chunk has another number of keys than of rows")
        offsets = np.broadcast_to(np.array(header.offsets, np.int64), header.rows)
        if self.cells:
            kept = np.arange(min(header.rows, self.cells - chunk * self.chunk_rows))
        else:
            kept = self._claim_all(header.keys, chunk * self.chunk_rows, offsets.tolist())
        slots = kept + chunk * self.chunk_rows
        self._unpack(header, body, kept, slots)
        self._contained[slots] = self._touched[slots] = offsets[kept]
        self._newest_contained = max(self._newest_contained, int(offsets.max(initial=_NO_OFFSET)))

    def _claim_all(self, keys: Sequence[str], first: int, offsets: Sequence[int]) -> Slots:
        self.keys.extend([""] * (first + self.chunk_rows - len(self.keys)))
        return np.array([row for row, key in enumerate(keys) if key and self._claim(key, first + row, offsets[row])], np.int64)

    def _claim(self, key: str, slot: int, offset: int) -> bool:
        """Return whether a stored row gets its slot. Of two rows of one entity (evicted and restored before a crash) the newer one does."""
        rival = self._slot_of.get(key, slot)
        if rival != slot:
            if self._contained[rival] >= offset:
                return False
            self.keys[rival] = ""
            for name, field in self.fields.items():
                self._arrays[name][rival] = field.fill
            self._contained[rival] = self._touched[rival] = _NO_OFFSET
        self.keys[slot] = key
        self._slot_of[key] = slot
        return True

    def _unpack(self, header: _Header, body: memoryview, kept: Slots, slots: Slots) -> None:
        rows: Slots | slice = slots
        if len(kept) == header.rows:  # as a rule; then whole columns are copied
            rows = slice(int(slots[0]), int(slots[0]) + header.rows) if header.rows else slice(0)
        for name, dtype, width, labels in header.columns:
            size = np.dtype(dtype).itemsize * header.rows * width
            stored = np.frombuffer(body[:size], np.dtype(dtype)).reshape(header.rows, -1)
            body = body[size:]
            self._restore(name, stored if isinstance(rows, slice) else stored[kept], tuple(labels), rows)

    def _restore(self, name: str, stored: NDArray[Any], labels: tuple[str, ...], slots: Slots | slice) -> None:
        """Copy a stored column into this version's column, which may have another name.

        Labels that no longer exist are dropped, new ones have the fill value.
        """
        name = self._field_of.get(name, name)
        field = self.fields.get(name)
        if field is None or bool(field.labels) != bool(labels) or (not labels and field.size != stored.shape[1]):
            return
        if labels == field.labels:
            self._arrays[name][slots] = stored if field.width or labels else stored[:, 0]
            return
        for position, label in enumerate(labels):
            if label in field.labels:
                self._arrays[name][slots, field.labels.index(label)] = stored[:, position]


def _index(chunk_key: str) -> int | None:
    number = chunk_key.rpartition("/")[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) <= _MAX_NUMBER_DIGITS else None


def _parse(data: bytes, most_rows: int) -> tuple[_Header, memoryview]:
    try:
        raw = zstandard.decompress(data, max_output_size=_MAX_CHUNK_BYTES) if _is_small(data) else b""
        size = int.from_bytes(raw[:4], "little")
        header = msgspec.json.decode(raw[4 : 4 + size], type=_Header)
        good = _is_header(header, most_rows)
        expected = sum(np.dtype(dtype).itemsize * header.rows * width for _, dtype, width, _ in header.columns) if good else -1
    except (zstandard.ZstdError, ValueError, TypeError, RecursionError, MemoryError) as error:
        message = f"a stored chunk of {len(data)} bytes is unreadable ({type(error).__name__})"
        raise StateLayoutError(message) from error
    body = memoryview(raw)[4 + size :]
    if len(body) != expected:
        raise StateLayoutError(f"a stored chunk has another format than {_FORMAT_VERSION}, or {len(body)} bytes of columns for {expected}")
    return header, body


def _is_small(data: bytes) -> bool:
    return 0 <= zstandard.frame_content_size(data) <= _MAX_CHUNK_BYTES


def _is_header(header: _Header, most_rows: int) -> bool:
    fits = header.rows <= most_rows and len(header.offsets) in {1, header.rows}
    return header.format == _FORMAT_VERSION and fits and all(len(labels) in {0, width} for _, _, width, labels in header.columns)
