"""The contract between an agent and its work: blocks in, messages out, state in chunks.

A doorway (`streams/agents/`) owns the broker; a stage owns the arithmetic of one partition. Together they keep one promise: each
event counts exactly once in the state, after any crash or rebalance.

* A stage is deterministic: the same state and the same block give the same messages. It reads no clock and does no I/O.
* A chunk holds the offset of the last block applied to it, and skips blocks at or below it when they are read again.
* Messages of a block may be sent again after a crash, and are always acknowledged by Kafka *before* a chunk that contains the
  block is written: a block is never counted without its messages, and every reader downstream tolerates a repeat.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Message:
    """What a stage wants sent: raw bytes to one partition of a topic."""

    topic: str
    partition: int
    value: bytes
    key: bytes | None = None


class Stage(Protocol):
    """One agent's work on one partition."""

    def apply(self, value: bytes, offset: int) -> list[Message]:
        """Apply one block of this partition, in offset order, and return what is to be sent.

        Raises BlockLayoutError before anything changed when the block cannot be read: it goes to the dead letters.
        """
        ...

    def dirty(self) -> Mapping[str, int]:
        """Return the chunks that changed since they were last dumped: key -> offset of the block that first changed it."""
        ...

    def dump(self, chunk: str) -> bytes:
        """Return a chunk as it is now, with its layout version and the offset of the last block applied. It is clean afterwards."""
        ...

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Take over chunks written earlier, before the first block. Unreadable ones are counted and start cold."""
        ...

    def counters(self) -> Mapping[str, float]:
        """Return what the stage has counted since it was made, by metric name: events, entities, cold chunks, ..."""
        ...


@runtime_checkable
class LabelledStage(Stage, Protocol):
    """A stage that also learns from analysts' labels, which are a topic of their own with offsets of their own."""

    def apply_label(self, value: bytes, offset: int) -> list[Message]:
        """Apply one label (JSON) of the labels topic, in its offset order. A label read again changes nothing.

        Raises MalformedEventError before anything changed when it cannot be read.
        """
        ...
