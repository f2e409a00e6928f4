"""The chunks of a stage: every table and every shadow model of a partition, written and read by chunk key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from models.state.columns import Columns
from streams.stages.shadow_detectors import ShadowDetectors


class Chunks:
    """The stored state of one stage. A chunk's key is `table/number`, or `stage-detector/0` for a shadow model."""

    def __init__(self, tables: Sequence[Columns], shadow: ShadowDetectors) -> None:
        """Manage these tables, which have different names, and the shadow models."""
        self._tables = {table.name: table for table in tables}
        self._shadow = shadow

    @property
    def tables(self) -> Sequence[Columns]:
        """The tables."""
        return list(self._tables.values())

    @property
    def unreadable_chunks(self) -> int:
        """Number of chunks and models that could not be read and started empty."""
        return sum(table.unreadable_chunks for table in self._tables.values()) + self._shadow.unreadable_chunks

    @property
    def nbytes(self) -> int:
        """Bytes of all tables; shadow models are not counted."""
        return sum(table.nbytes for table in self._tables.values())

    def dirty(self) -> Mapping[str, int]:
        """Return the chunks that changed since their last dump, with the offset of the first change of each."""
        changed: dict[str, int] = {}
        for table in self._tables.values():
            changed.update(table.dirty())
        return changed | dict(self._shadow.dirty())

    def dump(self, chunk: str) -> bytes:
        """Return one chunk as bytes; it is clean afterwards.

        Raises:
            KeyError: If the key belongs to no table and no model.
        """
        if self._shadow.has_chunk(chunk):
            return self._shadow.dump(chunk)
        return self._tables[_table_of(chunk)].dump(chunk)

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Read stored chunks into empty tables and models. Unreadable chunks are counted in `unreadable_chunks`."""
        stored = list(chunks)
        for name, table in self._tables.items():
            table.load([chunk for chunk in stored if _table_of(chunk[0]) == name])
        self._shadow.load(stored)


def _table_of(chunk: str) -> str:
    return chunk.partition("/")[0]
