"""One partition of one agent: its stage, its checkpoint, and the messages that Kafka has not confirmed yet."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from faust.types import TP

from streams.core.errors import BlockLayoutError, MalformedEventError
from streams.schema import topics
from streams.schema.blocks import Block
from streams.schema.dead_letters import DeadLetter
from streams.stages.stage import ArrivalStage, FeedbackStage, GatheringStage, Message, Stage
from streams.telemetry.metrics import Metric
from streams.worker.checkpoint import Checkpointer
from streams.worker.pace import MAX_WAITING_BYTES, Pace, Slowest
from streams.worker.table import ARCHIVE, CHUNK, StoredArchive

Confirmation = asyncio.Future[Any]
Send = Callable[[Message], Awaitable[Confirmation]]

MAX_GATHERED_BLOCKS = 256
MAX_GATHERED_BYTES = 4 << 20
"""Of the blocks that a partition gathers, packed."""
MAX_UNCONFIRMED_MESSAGES = 2_000
"""Messages of a partition in flight to Kafka, above which its agent waits for the oldest."""


class Gathered(NamedTuple):
    """A block that has come: its bytes, its offset, and why it is refused, if it is."""

    value: bytes
    offset: int
    refusal: MalformedEventError | None = None


@dataclass
class _Held:
    """A record of feedback that is not durable yet: what must be durable before it, and the number of writes before it."""

    offset: int
    unconfirmed: list[Confirmation]
    after: int
    chunks: set[str] | None = None
    """None: not asked yet. Asked late on purpose: between two writes the set only grows, so it contains those that the record changed."""

    @property
    def safe(self) -> bool:
        return self.chunks is not None and not self.chunks and all(future.done() for future in self.unconfirmed)


class Partition:
    """The stage of one partition. A block that it cannot decode becomes a dead letter, without its bytes.

    Feedback has offsets of its own: a record is acknowledged when every chunk that had changed by then has been written.
    """

    def __init__(
        self, tp: TP, stage: Stage, archive: StoredArchive, checkpoint_seconds: float, complete_to: int = -1, read_from: int = 0
    ) -> None:
        """Start with a loaded stage.

        Args:
            tp: Topic and partition of the input.
            stage: The stage.
            archive: The archive of the stage.
            checkpoint_seconds: Time from a chunk's first change to its write, as a goal.
            complete_to: Offset of the last block that the chunks contain; -1 for none.
            read_from: Offset of the first block that the chunks may lack.
        """
        self.tp = tp
        self.stage = stage
        self.archive = archive
        self.checkpoint = Checkpointer(checkpoint_seconds)
        self.position = -1
        self.complete_to = complete_to
        """Offset of the last block that any chunk may contain. It never decreases, so of two writes of a chunk the later one wins."""
        self.read_from = read_from
        """Offset of the first block that is not acknowledged."""
        self.pace: Pace | None = None
        """Of a partition that waits for feedback."""
        self.slowest = Slowest(0)
        """The marks of those who wait for this partition."""
        self.gathered: list[Gathered] = []
        """Blocks that have come and are not applied yet."""
        self.rejected = 0
        self._sent_for = -1
        self._unconfirmed: deque[tuple[int, Confirmation]] = deque()
        self._held: deque[_Held] = deque()
        self._unresolved: list[_Held] = []
        self._writes = 0
        self.reported: dict[Metric, float] = {}
        """Totals that `report_stage` has already added to the counters."""

    def is_durable(self) -> bool:
        """Return whether all that the stage contains has been written, and Kafka has confirmed its messages."""
        return not self.stage.dirty() and not self.archive.pending() and all(future.done() for _, future in self._unconfirmed)

    @property
    def is_full(self) -> bool:
        """Whether so many blocks wait for feedback that no more should be read."""
        return self.pace is not None and self.pace.waiting_bytes > MAX_WAITING_BYTES

    @property
    def has_gathered_enough(self) -> bool:
        """Whether the gathered blocks should be applied without waiting for more: a backlog, which must not fill memory."""
        return len(self.gathered) >= MAX_GATHERED_BLOCKS or sum(len(block.value) for block in self.gathered) >= MAX_GATHERED_BYTES

    def skip(self, offset: int) -> None:
        """Pass over a record that concerns no stage."""
        self.position = self._sent_for = offset
        self.complete_to = max(self.complete_to, offset)
        self.checkpoint.applied(offset)

    def apply(self, value: bytes, offset: int, refusal: MalformedEventError | None = None, arrival: float = math.nan) -> list[Message]:
        """Apply the next block unless it is refused, and return the messages to send. arrival: epoch seconds of its record."""
        self.skip(offset)
        try:
            if refusal:
                return self._refused(refusal, self.tp, offset)
            if isinstance(self.stage, ArrivalStage) and not math.isnan(arrival):
                return self.stage.apply_arrived(value, offset, arrival)
            return self.stage.apply(value, offset)
        except BlockLayoutError as error:
            return [self._dead_letter("block_layout", str(error), self.tp, offset)]

    def apply_gathered(self, gathered: Sequence[Gathered]) -> list[Message]:
        """Apply the next blocks together, and return the messages to send. What is refused or cannot be read becomes a dead letter."""
        messages: list[Message] = []
        readable: list[tuple[Block, int]] = []
        stage = cast("GatheringStage", self.stage)
        for block in gathered:
            self.skip(block.offset)
            try:
                if block.refusal:
                    messages += self._refused(block.refusal, self.tp, block.offset)
                else:
                    readable.append((stage.read(block.value), block.offset))
            except BlockLayoutError as error:
                messages.append(self._dead_letter("block_layout", str(error), self.tp, block.offset))
        self._sent_for = gathered[0].offset
        return messages + stage.apply_blocks(readable)

    def apply_feedback(self, topic: str, value: bytes, offset: int, refusal: MalformedEventError | None = None) -> list[Message]:
        """Apply the next record of feedback unless it is refused, and return the messages to send."""
        if not isinstance(self.stage, FeedbackStage):
            return []
        tp = TP(topic, self.tp.partition)
        try:
            return self._refused(refusal, tp, offset) if refusal else self.stage.apply_feedback(value, offset)
        except BlockLayoutError as error:
            return [self._dead_letter("block_layout", str(error), tp, offset)]
        except MalformedEventError as error:
            return self._refused(error, tp, offset)

    async def send(self, messages: Iterable[Message], send: Send) -> None:
        """Send messages of the last blocks to Kafka in order, and track them until they are confirmed."""
        for message in messages:
            self._unconfirmed.append((self._sent_for, await send(message)))
        while self._unconfirmed and (self._unconfirmed[0][1].done() or len(self._unconfirmed) > MAX_UNCONFIRMED_MESSAGES):
            await self._unconfirmed[0][1]
            self._unconfirmed.popleft()

    def hold_feedback(self, offset: int) -> None:
        """Record what must be durable before the last record of feedback, just applied and sent, may be acknowledged."""
        unconfirmed = [future for _, future in self._unconfirmed if not future.done()]
        self._held.append(_Held(offset, unconfirmed, self._writes))
        self._unresolved.append(self._held[-1])

    async def confirmed(self) -> None:
        """Wait until Kafka has confirmed every message sent before this call."""
        for _, future in list(self._unconfirmed):
            await future

    def freeze(self, chunks: Sequence[str]) -> list[tuple[str, bytes]]:
        """Return the records to write, in this order: new archive records, then these chunks, complete up to `complete_to`."""
        self._resolve_held()
        self._writes += 1
        self.checkpoint.began(self.stage.dirty(), chunks)
        return [*self.archive.pending(), *((CHUNK + chunk, self.stage.dump(chunk)) for chunk in chunks)]

    def written(self, chunks: Sequence[str], records: Iterable[tuple[str, bytes]]) -> None:
        """Record that these chunks, as last taken, are durable. A record applied since then is not contained in them."""
        self.checkpoint.finished(chunks)
        self.archive.written(record for record in records if record[0].startswith(ARCHIVE))
        for record in self._held:
            if record.chunks is not None and record.after < self._writes:
                record.chunks.difference_update(chunks)

    def acknowledge(self) -> list[int]:
        """Return the offsets of blocks that may be acknowledged, in order."""
        sent_below = next((offset for offset, future in self._unconfirmed if not future.done()), math.inf)
        return self.checkpoint.acknowledge(self.stage.dirty(), sent_below)

    def acknowledge_feedback(self) -> list[int]:
        """Return the offsets of feedback that may be acknowledged, in order."""
        self._resolve_held()
        free = []
        while self._held and self._held[0].safe:
            free.append(self._held.popleft().offset)
        return free

    def _resolve_held(self) -> None:
        """Note, once for all records of feedback since the last time, which chunks must be written before they are durable."""
        if self._unresolved:
            changed = set(self.stage.dirty())
            for record in self._unresolved:
                record.chunks = changed
            self._unresolved.clear()

    def _refused(self, error: MalformedEventError, tp: TP, offset: int) -> list[Message]:
        return [self._dead_letter(error.reason, error.detail, tp, offset)]

    def _dead_letter(self, reason: str, detail: str, tp: TP, offset: int) -> Message:
        self.rejected += 1
        letter = DeadLetter(reason, detail, tp.topic, f"{tp.partition}/{offset}")
        return Message(topics.DEAD_LETTERS, tp.partition, letter.line, headers=tuple(letter.headers()))
