"""The contract between an agent and its work: blocks in, messages out, state in chunks.

A doorway (`streams/worker/agents/`) owns the broker; a stage owns the arithmetic of one partition. Together they keep one promise: each
event counts exactly once in the state, after any crash or rebalance.

* A stage is deterministic: the same state and the same block give the same messages. It reads no clock and does no I/O.
* A chunk holds the offset of the last block applied to it, and skips blocks at or below it when they are read again.
* Messages of a block may be sent again after a crash, and are always acknowledged by Kafka *before* a chunk that contains the
  block is written: a block is never counted without its messages, and every reader downstream tolerates a repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Message:
    """What a stage wants sent: raw bytes to one partition of a topic."""

    topic: str
    partition: int
    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


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
class TwoInputStage(Stage, Protocol):
    """A stage with a second input, of offsets of its own: what analysts decided, or which accounts the groups hold suspect.

    Its records state what is so, they count nothing: one that is read again changes nothing.
    """

    def apply_feedback(self, value: bytes, offset: int) -> list[Message]:
        """Apply one record of the second input, in its offset order, and return what is to be sent.

        Raises BlockLayoutError or MalformedEventError before anything changed when it cannot be read.
        """
        ...


MakeStage = Callable[[int, MutableMapping[str, bytes]], Stage]
"""Makes the empty stage of a partition: its number, and where it may put entities that leave memory (durable like its chunks)."""
