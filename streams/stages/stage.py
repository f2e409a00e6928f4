"""The contract between an agent and its stage: blocks in, messages out, state in chunks.

An agent (`streams/worker/agents/`) reads and writes the broker; a stage computes the state of one partition. Together they guarantee that
each event counts exactly once in the state, after any crash or rebalance.

* A stage is deterministic: the same state and the same block give the same messages. It reads no clock and does no I/O.
* A chunk contains the offset of the last block applied to it, and skips blocks at or below that offset when they are read again.
* Messages of a block may be sent again after a crash. Kafka acknowledges them *before* a chunk that contains the block is written. So no
  block counts without its messages, and every reader downstream tolerates a repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from streams.schema.blocks import Block


@dataclass(frozen=True, slots=True, eq=False)
class Message:
    """A message to send, for one partition of a topic."""

    topic: str
    partition: int
    content: bytes | Block
    """A block is packed when its bytes are asked for: who reads it in the same process takes it as it is."""
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    is_tombstone: bool = False
    """Whether it removes the record of its key from a compacted topic. It has no content then."""

    @classmethod
    def tombstone(cls, topic: str, key: str) -> Message:
        """Return what removes the record of a key from partition 0 of a topic."""
        return cls(topic, 0, b"", key.encode(), is_tombstone=True)

    @property
    def value(self) -> bytes:
        """Return the bytes to send."""
        return self.content.packed if isinstance(self.content, Block) else self.content

    def __eq__(self, other: object) -> bool:
        """Return whether the same bytes go to the same place."""
        return isinstance(other, Message) and self._sent() == other._sent()

    def __hash__(self) -> int:
        """Hash what `__eq__` compares."""
        return hash(self._sent())

    def _sent(self) -> tuple[object, ...]:
        return self.topic, self.partition, self.value, self.key, self.headers, self.is_tombstone


class Stage(Protocol):
    """The state and the computation of one agent on one partition."""

    def apply(self, value: bytes, offset: int) -> list[Message]:
        """Apply one block of this partition, in offset order, and return the messages to send.

        Raises:
            BlockLayoutError: Before anything changed, if the block cannot be decoded. It becomes a dead letter.
        """
        ...

    def dirty(self) -> Mapping[str, int]:
        """Return the chunks that changed since their last dump: key -> offset of the block that first changed it."""
        ...

    def dump(self, chunk: str) -> bytes:
        """Return a chunk with its layout version and the offset of the last block applied. It is clean afterwards."""
        ...

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Load chunks written earlier, before the first block. Unreadable chunks are counted and start empty."""
        ...

    def counters(self) -> Mapping[str, float]:
        """Return the counts since the stage was made, by metric name: events, entities, cold chunks, ..."""
        ...


@runtime_checkable
class GatheringStage(Stage, Protocol):
    """A stage that applies several blocks at once: what they change is counted block by block, and scored and sent once.

    `apply` is the same for one block. However the blocks are gathered, the state counts the same events.
    """

    def read(self, value: bytes | Block) -> Block:
        """Decode a block. Raises BlockLayoutError if it cannot be decoded."""
        ...

    def apply_blocks(self, gathered: Sequence[tuple[Block, int]]) -> list[Message]:
        """Apply decoded blocks of this partition, each with its offset, in offset order, and return the messages to send."""
        ...


@runtime_checkable
class FeedbackStage(Stage, Protocol):
    """A stage that also reads feedback, with offsets of its own: labels of analysts for the cases, what the groups report for the accounts.

    Feedback is a state, not a count: the same record again changes nothing.
    """

    def apply_feedback(self, value: bytes, offset: int) -> list[Message]:
        """Apply one record of feedback, in its offset order, and return the messages to send.

        Raises:
            BlockLayoutError: Before anything changed, if a block cannot be decoded.
            MalformedEventError: Before anything changed, if a record cannot be parsed.
        """
        ...


@runtime_checkable
class RecallingStage(Stage, Protocol):
    """A stage whose answer depends on the last blocks of its input, beside its state."""

    def recall(self, value: bytes, offset: int) -> None:
        """Note a block that the state contains, in offset order, before the first call of `apply`."""
        ...


@runtime_checkable
class TimedStage(Stage, Protocol):
    """A stage that must not run ahead of its feedback."""

    @property
    def newest(self) -> float:
        """Return the newest event time of the state, in epoch seconds; minus infinity without any."""
        ...

    def reach(self, value: bytes) -> float:
        """Return the median event time of a block that is not applied yet, epoch seconds; minus infinity for one that cannot be read."""
        ...


@runtime_checkable
class PatientStage(FeedbackStage, TimedStage, Protocol):
    """A stage in which feedback waits for a time of its own, and is no state until then."""

    def recall_feedback(self, value: bytes, since: float) -> None:
        """Let a record of feedback wait again that was read before, if it takes effect later than `since`, epoch seconds.

        Called in offset order, before the first call of `apply`.

        Raises:
            BlockLayoutError: Before anything changed, if a block cannot be decoded.
        """
        ...


@runtime_checkable
class ArrivalStage(Stage, Protocol):
    """A stage that compares the times in a block with the block's arrival."""

    def apply_arrived(self, value: bytes, offset: int, arrival: float) -> list[Message]:
        """Apply one block as `apply` does. arrival: when its record arrived, seconds since 1970."""
        ...


MakeStage = Callable[[int, MutableMapping[str, bytes]], Stage]
"""Makes the empty stage of a partition, from its number and a durable store for entities that leave memory."""
