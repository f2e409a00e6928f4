"""State of many entities as columns: one NumPy array a quantity, one slot an entity.

An object per entity costs Python a call per event; a column costs one call per block. `Columns` interns entity keys to slots, marks
what each block touched, and cuts itself into chunks of rows that travel as plain bytes (never pickle).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

Slots = NDArray[np.int64]

CHUNK_ROWS = 256
"""Entities a chunk. A Faust table write costs about 120 us, so it is paid per 256 entities (facts of November 2026)."""

_FORMAT = 2
_LARGEST_CHUNK = 64 * 1024 * 1024
_NEVER = -1
_LOST_CHUNKS = 64
_LONGEST_NUMBER = 9
_WIDEST = 1 << 16
_DTYPE = re.compile("f[248]|[iu][1248]")


class StateLayoutError(Exception):
    """A stored chunk cannot be read by this version. It is counted, and its entities start cold."""


@dataclass(frozen=True)
class Field:
    """One column: its dtype, what a new entity starts with, and its second axis.

    The second axis is `labels` (values that come and go with versions are matched by name), a plain `width`, or neither: one value.
    """

    dtype: str
    fill: float = 0
    labels: tuple[str, ...] = ()
    width: int = 0

    @property
    def size(self) -> int:
        """Values an entity has in this column."""
        return max(1, len(self.labels), self.width)

    def empty(self, rows: int) -> NDArray[Any]:
        """Make `rows` rows as a new entity has them, shape (rows,) or (rows, size)."""
        shape = (rows, self.size) if self.labels or self.width else (rows,)
        return np.full(shape, self.fill, np.dtype(self.dtype))


class Columns:
    """A table of entities: key -> slot, and one array per field.

    Offsets are those of the blocks in the stage's input: `touch(slots, offset)` notes what a block changed, `fresh(slots, offset)` says
    which rows a replayed block has not reached yet, so that after any crash each event counts exactly once.
    """

    def __init__(self, name: str, fields: Mapping[str, Field], chunk_rows: int = CHUNK_ROWS, cells: int = 0) -> None:
        """Make an empty table. `name` prefixes its chunks' keys. With `cells` it has that many numbered rows instead of named entities."""
        self.name = name
        self.fields = dict(fields)
        self.chunk_rows = chunk_rows
        self.cells = cells
        self.capacity = cells or chunk_rows
        self.keys: list[str] = []
        self._slot_of: dict[str, int] = {}
        self._free: list[int] = []
        self._arrays = {key: field.empty(self.capacity) for key, field in self.fields.items()}
        self._contained = np.full(self.capacity, _NEVER, np.int64)
        self._touched = np.full(self.capacity, _NEVER, np.int64)
        self._newest_contained = _NEVER
        self._dirty: dict[int, int] = {}
        self._applied = _NEVER
        self.cold_chunks = 0

    def __len__(self) -> int:
        """Count the entities."""
        return len(self._slot_of)

    def __getitem__(self, field: str) -> NDArray[Any]:
        """Return the array of a field, shape (capacity,) or (capacity, labels). Growth replaces it: do not keep it."""
        return self._arrays[field]

    def __contains__(self, key: str) -> bool:
        """Say whether an entity has a slot."""
        return key in self._slot_of

    @property
    def slots(self) -> Slots:
        """Every slot in use, ascending."""
        return np.fromiter(sorted(self._slot_of.values()), np.int64, len(self._slot_of))

    @property
    def nbytes(self) -> int:
        """Bytes of all columns, room for growth included."""
        return sum(array.nbytes for array in self._arrays.values())

    @property
    def bytes_per_row(self) -> int:
        """Bytes of columns an entity takes, its key and dictionary entry aside."""
        return self.nbytes // self.capacity

    def find(self, key: str) -> int:
        """Return an entity's slot, or -1."""
        return self._slot_of.get(key, -1)

    def intern(self, keys: Sequence[str]) -> Slots:
        """Return the slot of every key, giving new entities one. Shape (keys,)."""
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
                self._grow()
        self._slot_of[key] = slot
        return slot

    def _grow(self) -> None:
        more = self.capacity
        for name, field in self.fields.items():
            self._arrays[name] = np.concatenate([self._arrays[name], field.empty(more)])
        never = np.full(more, _NEVER, np.int64)
        self._contained = np.concatenate([self._contained, never])
        self._touched = np.concatenate([self._touched, never])
        self.capacity += more

    def idle(self, before: NDArray[np.bool_], offset: int) -> list[str]:
        """Return the keys of rows where `before` holds, shape (capacity,), and whose every block is below `offset`.

        Only such rows may be evicted: blocks from `offset` on can come again after a crash, and would count twice in a forgotten row.
        """
        candidates = np.flatnonzero(before & (self._touched < offset))
        return [self.keys[slot] for slot in candidates.tolist() if slot < len(self.keys) and self.keys[slot]]

    def evict(self, key: str, offset: int) -> bytes:
        """Forget an entity and return its row as bytes, for `restore`. The slot is free again, its chunk counts as touched."""
        slot = self._slot_of.pop(key)
        packed = self._pack(slice(slot, slot + 1))
        self.keys[slot] = ""
        self._free.append(slot)
        for name, field in self.fields.items():
            self._arrays[name][slot] = field.fill
        self.touch(np.array([slot]), offset)
        self._contained[slot] = self._touched[slot] = _NEVER
        return packed

    def restore(self, data: bytes) -> None:
        """Bring an evicted entity back. Raises StateLayoutError when the bytes cannot be read: it then starts cold."""
        header, body = _parse(data, 1)
        if len(header["keys"]) != 1:
            raise StateLayoutError("an evicted entity is one row with its key")
        self._unpack(header, body, np.array([0]), self.intern(header["keys"]))

    def fresh(self, slots: Slots, offset: int) -> NDArray[np.bool_]:
        """Say for each row whether the block at `offset` is still to be counted in it. All true outside a replay."""
        if offset > self._newest_contained:
            return np.ones(len(slots), np.bool_)
        return self._contained[slots] < offset

    def touch(self, slots: Slots, offset: int) -> None:
        """Note that the block at `offset` changed these rows."""
        self._applied = max(self._applied, offset)
        self._touched[slots] = offset
        for chunk in np.flatnonzero(np.bincount(slots // self.chunk_rows)).tolist():
            self._dirty.setdefault(chunk, offset)

    def dirty(self) -> dict[str, int]:
        """Return the chunks that changed since they were last dumped, with the offset that first did."""
        return {f"{self.name}/{chunk}": offset for chunk, offset in self._dirty.items()}

    def dump(self, chunk_key: str) -> bytes:
        """Return a chunk as bytes, and count it as clean."""
        chunk = int(chunk_key.rpartition("/")[2])
        self._dirty.pop(chunk, None)
        return self._pack(slice(chunk * self.chunk_rows, min((chunk + 1) * self.chunk_rows, self.cells or len(self.keys))))

    def _pack(self, part: slice) -> bytes:
        # in a replay, rows that were loaded contain later blocks than rows that are made anew: each has an offset of its own
        held = np.maximum(self._contained[part], self._applied)
        alike = held.size == 0 or bool((held == held[0]).all())
        header = {
            "format": _FORMAT,
            "offsets": [int(held.max(initial=_NEVER))] if alike else held.tolist(),
            "rows": part.stop - part.start,
            "keys": self.keys[part],
            "columns": [[name, field.dtype, field.size, list(field.labels)] for name, field in self.fields.items()],
        }
        head = json.dumps(header).encode()
        body = b"".join(self._arrays[name][part].tobytes() for name in self.fields)
        return zstandard.compress(len(head).to_bytes(4, "little") + head + body, 1)

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Read chunks back into an empty table. A chunk that cannot be read is counted in `cold_chunks` and skipped."""
        stored = list(chunks)
        # chunks are filled one after the other: a number far beyond how many there are is none of ours, and would need its room
        most = -(-self.cells // self.chunk_rows) if self.cells else 2 * len(stored) + _LOST_CHUNKS
        numbered = [(number, data) for name, data in stored if (number := _index(name)) is not None and number < most]
        self.cold_chunks += len(stored) - len(numbered)
        for number, data in sorted(numbered):
            try:
                self._load(number, data)
            except StateLayoutError:
                self.cold_chunks += 1
        self._free = [slot for slot, key in enumerate(self.keys) if not key]

    def _load(self, chunk: int, data: bytes) -> None:
        """Put the rows of a chunk back into their own slots, so that it replaces itself when it is next written."""
        header, body = _parse(data, self.chunk_rows)
        if len(header["keys"]) != (0 if self.cells else int(header["rows"])):
            raise StateLayoutError("a stored chunk has another number of keys than of rows")
        offsets = np.broadcast_to(np.array(header["offsets"], np.int64), int(header["rows"]))
        if self.cells:
            kept = np.arange(min(int(header["rows"]), self.cells - chunk * self.chunk_rows))
        else:
            kept = self._claim_all(header["keys"], chunk * self.chunk_rows, offsets.tolist())
        slots = kept + chunk * self.chunk_rows
        self._unpack(header, body, kept, slots)
        self._contained[slots] = self._touched[slots] = offsets[kept]
        self._newest_contained = max(self._newest_contained, int(offsets.max(initial=_NEVER)))

    def _claim_all(self, keys: Sequence[str], first: int, offsets: Sequence[int]) -> Slots:
        self.keys.extend([""] * (first + self.chunk_rows - len(self.keys)))
        while self.capacity < len(self.keys):
            self._grow()
        return np.array([row for row, key in enumerate(keys) if key and self._claim(key, first + row, offsets[row])], np.int64)

    def _claim(self, key: str, slot: int, offset: int) -> bool:
        """Take a slot for a stored key. Of two rows of one entity (evicted, come back, then a crash) the newer wins."""
        rival = self._slot_of.get(key, slot)
        if rival != slot:
            if self._contained[rival] >= offset:
                return False
            self.keys[rival] = ""
            for name, field in self.fields.items():
                self._arrays[name][rival] = field.fill
            self._contained[rival] = self._touched[rival] = _NEVER
        self.keys[slot] = key
        self._slot_of[key] = slot
        return True

    def _unpack(self, header: Mapping[str, Any], body: memoryview, kept: Slots, slots: Slots) -> None:
        rows = int(header["rows"])
        for name, dtype, width, labels in header["columns"]:
            size = np.dtype(dtype).itemsize * rows * width
            stored = np.frombuffer(body[:size], np.dtype(dtype)).reshape(rows, -1)
            body = body[size:]
            self._restore(name, stored[kept], tuple(labels), slots)

    def _restore(self, name: str, stored: NDArray[Any], labels: tuple[str, ...], slots: Slots) -> None:
        """Put a stored column where this version keeps it; labels that it no longer has are dropped, new ones start cold."""
        field = self.fields.get(name)
        if field is None or bool(field.labels) != bool(labels) or (not labels and field.size != stored.shape[1]):
            return
        if not labels:
            self._arrays[name][slots] = stored if field.width else stored[:, 0]
            return
        for position, label in enumerate(labels):
            if label in field.labels:
                self._arrays[name][slots, field.labels.index(label)] = stored[:, position]


def _index(chunk_key: str) -> int | None:
    number = chunk_key.rpartition("/")[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER else None


def _parse(data: bytes, most_rows: int) -> tuple[dict[str, Any], memoryview]:
    try:
        raw = zstandard.decompress(data, max_output_size=_LARGEST_CHUNK) if _is_small(data) else b""
        size = int.from_bytes(raw[:4], "little")
        header: dict[str, Any] = json.loads(raw[4 : 4 + size])
        good = _is_header(header, most_rows)
        expected = sum(np.dtype(dtype).itemsize * header["rows"] * width for _, dtype, width, _ in header["columns"]) if good else -1
    except (zstandard.ZstdError, ValueError, KeyError, TypeError, RecursionError, MemoryError) as error:
        message = f"a stored chunk of {len(data)} bytes is unreadable ({type(error).__name__})"
        raise StateLayoutError(message) from error
    body = memoryview(raw)[4 + size :]
    if len(body) != expected:
        raise StateLayoutError(f"a stored chunk has another format than {_FORMAT}, or {len(body)} bytes of columns for {expected}")
    return header, body


def _is_small(data: bytes) -> bool:
    return 0 <= zstandard.frame_content_size(data) <= _LARGEST_CHUNK


def _is_header(header: dict[str, Any], most_rows: int) -> bool:
    rows, keys, offsets = header["rows"], header["keys"], header["offsets"]
    return (
        header["format"] == _FORMAT
        and type(rows) is int
        and 0 <= rows <= most_rows
        and type(keys) is list
        and len("".join(keys).encode()) >= 0  # words, and UTF-8
        and type(offsets) is list
        and len(offsets) in {1, rows}
        and all(type(offset) is int and _NEVER <= offset < 1 << 62 for offset in offsets)
        and all(map(_is_column, header["columns"]))
    )


def _is_column(column: Any) -> bool:
    name, dtype, width, labels = column
    plain = type(name) is str and type(dtype) is str and type(width) is int and 0 < width <= _WIDEST and type(labels) is list
    words = plain and len(labels) in {0, width} and all(type(label) is str for label in labels)
    return words and _DTYPE.fullmatch(dtype) is not None  # NumPy reads far more than a dtype here, and fails in ways of its own
