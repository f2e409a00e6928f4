"""Snapshots: the state of one moment in several chunks, written together or not at all.

A case, its alerts and its entities refer to each other, so chunks of different moments would not fit. All chunks of a snapshot are
therefore frozen at once and handed out one after another under the names of one side, `a` or `b`, while the other side keeps the snapshot
before. After a crash the newest complete side is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

import msgspec
import zstandard

from streams.core.typed_json import read_json

FORMAT_VERSION = 2
_MAX_CHUNK_BYTES = 256 * 1024 * 1024
_SIDES = ("a", "b")


Number = Annotated[int, msgspec.Meta(ge=-1, lt=1 << 62)]
Rows = dict[str, object]
"""Rows of one table by key; whoever loads them knows their types."""


class Snapshot(NamedTuple):
    """The state of one moment."""

    offset: int
    """It contains all blocks up to this one."""
    head: Mapping[str, float | None]
    tables: dict[str, Rows]


class _Part(msgspec.Struct, frozen=True):
    """A chunk: every n-th row of each table."""

    format: int
    serial: Number
    parts: Number
    part: Annotated[int, msgspec.Meta(ge=0)]
    offset: Number
    head: dict[str, float | None]
    tables: dict[str, Rows]


@dataclass
class Snapshots:
    """Writes and reads the chunks of a stage whose state is frozen as a whole. `name` is the prefix of every chunk's name."""

    name: str
    cold: int = 0
    _serial: int = 0
    _changed: int | None = None
    _parts: int = 1
    _frozen: dict[str, bytes] = field(default_factory=dict)
    _since: int = -1
    _most_parts: int = 1
    _again: bool = False

    @property
    def is_clean(self) -> bool:
        """Say whether nothing has changed since the last snapshot."""
        return self._changed is None

    def touch(self, offset: int, parts: int) -> None:
        """Record that block `offset` changed the state, and into how many chunks it is to be split."""
        if self._changed is None:
            self._changed, self._parts = offset, parts

    def touch_both_sides(self, offset: int, parts: int) -> None:
        """Record that block `offset` removed something that no chunk may contain any more: two snapshots are written, one on each side."""
        self.touch(offset, parts)
        self._parts, self._again = max(self._parts, self._most_parts), True

    def dirty(self) -> dict[str, int]:
        """Return the chunks to write, those already frozen first."""
        chunks = dict.fromkeys(self._frozen, self._since)
        if self._changed is not None:
            chunks |= dict.fromkeys(self._names(self._serial), self._changed)
        return chunks

    def frozen(self, chunk: str, offset: int, rows: Iterable[tuple[str, Mapping[str, object]]], head: Mapping[str, float | None]) -> bytes:
        """Freeze the state on the first call (`rows` by table name, complete up to block `offset`), then return this chunk.

        head: numbers of the state as a whole, which every chunk repeats.
        """
        if chunk not in self._frozen:
            self._freeze(offset, rows, head)
        return self._frozen.pop(chunk)

    def _freeze(self, offset: int, rows: Iterable[tuple[str, Mapping[str, object]]], head: Mapping[str, float | None]) -> None:
        names = self._names(self._serial)
        tables = [(table, list(held.items())) for table, held in rows]
        for part, name in enumerate(names):
            part_rows = {table: dict(held[part :: len(names)]) for table, held in tables}
            about = {"format": FORMAT_VERSION, "serial": self._serial, "parts": len(names), "part": part, "offset": offset}
            self._frozen[name] = zstandard.compress(msgspec.json.encode({**about, "head": head, "tables": part_rows}), 1)
        first = offset if self._changed is None else self._changed
        self._since, self._changed = min(first, offset), offset + 1 if self._again else None
        self._most_parts, self._again = max(self._most_parts, len(names)), False
        self._serial += 1

    def _names(self, serial: int) -> list[str]:
        return [f"{self.name}/{_SIDES[serial % 2]}/{part}" for part in range(self._parts)]

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> Snapshot | None:
        """Return the newest complete snapshot; None, counted in `cold`, when there is none."""
        by_serial: dict[int, dict[int, _Part]] = {}
        for name, data in chunks:
            part = _read(data)
            if part is None or not name.startswith(f"{self.name}/"):
                self.cold += 1
            else:
                by_serial.setdefault(part.serial, {})[part.part] = part
        whole = [serial for serial, parts in by_serial.items() if _complete(parts)]
        if not whole:
            self.cold += len(by_serial)
            return None
        self._serial = max(whole) + 1
        self._most_parts = max(part.parts for parts in by_serial.values() for part in parts.values())
        newest = by_serial[max(whole)]
        tables = {table: _merged([newest[part].tables[table] for part in sorted(newest)]) for table in newest[0].tables}
        return Snapshot(newest[0].offset, newest[0].head, tables)


def _complete(parts: Mapping[int, _Part]) -> bool:
    """Return whether these are all parts of one snapshot, with the same tables."""
    first = next(iter(parts.values()))
    alike = all(part.parts == first.parts and part.tables.keys() == first.tables.keys() for part in parts.values())
    return alike and len(parts) == first.parts


def _merged(parts: list[Rows]) -> Rows:
    """Return the rows of one table in their original order: parts hold every n-th row."""
    dealt = [(turn, part, key) for part, rows in enumerate(parts) for turn, key in enumerate(rows)]
    return {key: parts[part][key] for _, part, key in sorted(dealt)}


def _read(data: bytes) -> _Part | None:
    try:
        if not 0 <= zstandard.frame_content_size(data) <= _MAX_CHUNK_BYTES:
            return None
        part = read_json(zstandard.decompress(data), _Part)
    except (zstandard.ZstdError, ValueError, RecursionError, MemoryError):
        return None
    return part if part.format == FORMAT_VERSION and part.part < part.parts else None
