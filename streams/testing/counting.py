"""The smallest stage: it counts keys. Durability tests and the benchmark of the doorway run it in index of a real one.

A block is a JSON list of keys; its message is the list of the keys that it counted, to a topic of the caller's choice, keyed by
partition and offset of the block. Its feedback is ignored.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from streams.core.errors import BlockLayoutError, MalformedEventError
from streams.stages.stage import Message


@dataclass
class _Chunk:
    offset: int = -1
    counts: Counter[str] = field(default_factory=Counter)


class CountingStage:
    """Counts each key of each block exactly once, in a fixed number of chunks."""

    def __init__(self, chunks: int = 16, topic: str | None = None, partition: int = 0) -> None:
        """Spread the keys over `chunks`, and pass counted keys on to `topic` (None: send nothing)."""
        self._chunks = [_Chunk() for _ in range(chunks)]
        self._topic = topic
        self._partition = partition
        self._dirty: dict[str, int] = {}
        self._counters = Counter(blocks=0, events=0, repeated=0, cold_chunks=0)

    def apply(self, value: bytes, offset: int) -> list[Message]:
        """Count the keys of one block; a chunk that already contains this block skips them."""
        keys = self._decode(value)
        counted = [key for key in keys if self._chunks[self._chunk_index(key)].offset < offset]
        for key in counted:
            self._chunks[self._chunk_index(key)].counts[key] += 1
        for index in {self._chunk_index(key) for key in counted}:
            self._chunks[index].offset = offset
            self._dirty.setdefault(str(index), offset)
        self._counters.update(blocks=1, events=len(counted), repeated=len(keys) - len(counted))
        source = f"{self._partition}/{offset}".encode()
        return [Message(self._topic, self._partition, json.dumps(counted).encode(), source)] if counted and self._topic else []

    def apply_feedback(self, value: bytes, offset: int) -> list[Message]:
        """Ignore feedback. Raises MalformedEventError for an empty record."""
        if not value:
            raise MalformedEventError("empty", f"record {offset} of feedback has no value")
        return []

    def dirty(self) -> Mapping[str, int]:
        """Return the chunks changed since they were last dumped, with the block that first changed each."""
        return dict(self._dirty)

    def dump(self, chunk: str) -> bytes:
        """Return the counts of a chunk and the last block they contain, as JSON."""
        del self._dirty[chunk]
        kept = self._chunks[int(chunk)]
        return json.dumps([kept.offset, kept.counts]).encode()

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Restore chunks written earlier; unreadable ones start cold."""
        for chunk, data in chunks:
            try:
                offset, counts = json.loads(data)
                self._chunks[int(chunk)] = _Chunk(int(offset), Counter(counts))
            except (ValueError, TypeError, IndexError):
                self._counters["cold_chunks"] += 1

    def counters(self) -> Mapping[str, float]:
        """Return blocks applied, events counted, events skipped on replay, and chunks that could not be read."""
        return dict(self._counters)

    def counts(self) -> Counter[str]:
        """Return the count of every key."""
        total: Counter[str] = Counter()
        for chunk in self._chunks:
            total.update(chunk.counts)
        return total

    def _chunk_index(self, key: str) -> int:
        return zlib.crc32(key.encode()) % len(self._chunks)

    def _decode(self, value: bytes) -> list[str]:
        try:
            keys = json.loads(value)
        except ValueError as error:
            raise BlockLayoutError(f"not a list of keys ({len(value)} bytes)") from error
        if not isinstance(keys, list):
            raise BlockLayoutError("expected a list of keys")
        return [str(key) for key in keys]
