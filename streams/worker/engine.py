"""The engine of all agents with state: apply, send, checkpoint, acknowledge; load and leave partitions.

The order that keeps every event counted exactly once, and no message lost:

1. apply a block and hand its messages to Kafka, both under one lock, so that no chunk is taken between them;
2. take the bytes of some changed chunks, and wait until Kafka has confirmed every message of the blocks they contain;
3. write the chunks to the table, and wait until Kafka has confirmed them;
4. write down, beside the chunks, the offset below which every block is contained in written chunks;
5. acknowledge the offsets below it.

A crash between any two steps repeats blocks; chunks skip those they contain. A worker that lost a partition while it was frozen learns it
in step 3 or 4, drops the partition, and acknowledges nothing. State that is behind what was acknowledged is detected when it is loaded:
the input is read again from where the state ends.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import faust
import msgspec
from faust.transport.consumer import Consumer
from faust.types import TP, EventT
from faust.types.tuples import Message as Record

from streams.core.errors import MalformedEventError, StateAheadError
from streams.kafka.empty_offsets import EMPTY
from streams.schema import topics
from streams.schema.believable_times import arrived
from streams.schema.signatures import Signatures
from streams.stages.stage import FeedbackStage, GatheringStage, MakeStage, Message, TimedStage
from streams.telemetry.metrics import METRICS, Metric, Registry
from streams.worker.failure import Failure
from streams.worker.joined_rows import JoinedRows
from streams.worker.ordered_input import OrderedInput
from streams.worker.pace import MARK, UNKNOWN_EPOCH_SECONDS, Mark, Pace, Slowest
from streams.worker.partition import Gathered, Partition, Send
from streams.worker.recall import recall
from streams.worker.report import report_stage
from streams.worker.source import headers_of
from streams.worker.stored import NO_OFFSET
from streams.worker.table import CHUNK, ChunkTable, FencedError, StoredArchive

log = logging.getLogger(__name__)

END_SLACK_OFFSETS = 10_000
"""Offsets by which the reported end of a topic may be too low: Tansu reports the start of the last batch, Kafka is exact."""
FULL_PAUSE_SECONDS = 0.1
"""Time between two looks whether a partition with too many waiting blocks may go on."""
GATHER_SECONDS = 0.1
"""Time for which blocks are gathered where a stage applies several at once: what they change is scored and sent once."""
MAX_CHUNKS_PER_WRITE = 32
"""Chunks that one write contains when all state is written: it bounds the memory for their bytes."""


@dataclass(frozen=True)
class Inputs:
    """The topics that an agent reads. The feedback has as many partitions as the input, each for the stage of the same number."""

    agent: str
    topic: str
    feedback: str | None = None
    single: bool = False
    """Whether the input has one partition, because one stage needs all records."""
    marks: str | None = None
    """Topic on which an agent tells how far it is, to whom it waits for (`streams.worker.pace`)."""
    answers: str | None = None
    """Topic on which an agent answers marks."""


class Engine:
    """The partitions of one agent in this process."""

    def __init__(
        self,
        app: faust.App,
        table: ChunkTable,
        inputs: Inputs,
        make_stage: MakeStage,
        checkpoint_seconds: float,
        backlog_end_seconds: float,
        signatures: Signatures,
    ) -> None:
        """Run a stage on each partition of the input that is assigned to this worker.

        Args:
            app: Faust app of the agent.
            table: Table for the stages' state.
            inputs: Topics of the agent.
            make_stage: Makes the stage of a partition.
            checkpoint_seconds: Time from a chunk's first change to its write, as a goal.
            backlog_end_seconds: Time without a record after which a backlog is over.
            signatures: Check the records that are read, and sign those that are sent.
        """
        self.app = app
        self.inputs = inputs
        self.partitions: dict[int, Partition] = {}
        self._left: dict[int, Partition] = {}
        self.failure = Failure()
        self._table = table
        self._make_stage = make_stage
        self._seconds, self._end_seconds = checkpoint_seconds, backlog_end_seconds
        self._signatures = signatures
        self._generation = -1
        self._count = int(app.conf.topic_partitions)
        self._reading = OrderedInput(app, compacted=(topics.LABELS,))
        self._rows = JoinedRows(self._send, self.failure)
        self._gathering: asyncio.Task[None] | None = None
        self._catching_up: asyncio.Task[None] | None = None
        self._applying = asyncio.Lock()
        self._writing = asyncio.Lock()
        table.on_recover(self.load)
        app.on_partitions_revoked.connect(self._revoked, weak=False)

    async def receive(self, event: EventT[Any]) -> None:
        """Apply one block, at once or with those that come soon after it, and send the resulting messages.

        A block of an earlier assignment is skipped and read again later.
        """
        record = event.message
        with self.failure:
            async with self._applying:
                if partition := await self._partition_in_turn(record):
                    if self.inputs.answers and (mark := self._mark_in(record)):
                        await self._apply_gathered(partition)  # the answer goes behind what came of it
                        partition.skip(record.offset)
                        await self._answer(partition, mark)
                    elif isinstance(partition.stage, GatheringStage):
                        partition.gathered.append(Gathered(record.value or b"", record.offset, self._refusal(record)))
                        if partition.has_gathered_enough:
                            await self._apply_gathered(partition)
                        elif self._gathering is None:
                            self._gathering = asyncio.create_task(self._apply_soon())
                    elif partition.pace is None:
                        await self._apply(partition, record)
                    else:
                        await self._apply_in_pace(partition, partition.pace, record)
            while partition and partition.is_full and self._owns(partition):  # noqa: ASYNC110 - it may be lost meanwhile
                await asyncio.sleep(FULL_PAUSE_SECONDS)

    async def receive_feedback(self, event: EventT[Any]) -> None:
        """Apply one record of feedback, in the stage of the partition of the same number."""
        record = event.message
        with self.failure:
            async with self._applying:
                if partition := await self._partition_in_turn(record):
                    if partition.pace and (mark := self._mark_in(record)):
                        partition.pace.record_mark(mark)
                        await self._report_reach(partition, partition.pace)
                    elif record.value is not None:  # a tombstone only removes what a topic contains
                        await self._apply_gathered(partition)  # what came before it counts before it
                        messages = partition.apply_feedback(record.topic, record.value, record.offset, self._refusal(record))
                        await partition.send(messages, self._sender(partition))
                    partition.hold_feedback(record.offset)

    async def tick(self) -> None:
        """Go on with what waited, write the chunks that are due, and acknowledge the offsets that this allows: about once a second."""
        self._table.pass_empty()
        with self.failure:
            async with self._applying:
                for partition in list(self.partitions.values()):
                    await self._pass_empty(partition)
                    if partition.pace:
                        partition.pace.advance_to(time.monotonic())
                        await self._report_reach(partition, partition.pace)
        await self.checkpoint()

    async def checkpoint(self, *, everything: bool = False) -> None:
        """Write the chunks that are due (or all that changed), and acknowledge the offsets that this allows."""
        with self.failure:
            async with self._writing:
                for partition in list(self.partitions.values()):
                    dirty = partition.stage.dirty()
                    due = partition.checkpoint.everything(dirty) if everything else partition.checkpoint.due(dirty, time.monotonic())
                    try:
                        if everything:  # one record shows whether this worker is still the owner, before many chunks are written
                            await self._note_acknowledged(partition)
                        for start in range(0, len(due), MAX_CHUNKS_PER_WRITE):
                            await self._write(partition, due[start : start + MAX_CHUNKS_PER_WRITE])
                        if everything:
                            await partition.confirmed()
                        await self._acknowledge(partition)
                    except FencedError as error:
                        self._drop(partition, error)

    async def leave(self) -> None:
        """Write all state, acknowledge and commit, then release the partitions: before a rebalance, and before a stop."""
        if self.failure.error is not None:
            return
        async with self._applying:
            for partition in self.partitions.values():
                await self._apply_gathered(partition)
            leaving, self._generation = len(self.partitions), -1  # records that still arrive are skipped and read again later
        if leaving:
            await self.checkpoint(everything=True)
            await cast("Consumer", self.app.consumer).force_commit()
            self._left = {number: partition for number, partition in self.partitions.items() if partition.is_durable()}
        self.partitions = {}

    async def load(self) -> None:
        """Make the stages of the assigned partitions. Faust calls it after the recovery of the table.

        A partition that comes back to us, and that nobody had between, goes on with the stage that it had; others are loaded from their
        chunks.
        """
        with self.failure:
            began, generation = time.monotonic(), self.app.consumer_generation_id
            assigned = sorted(tp for tp in self.app.assignor.assigned_actives() if tp.topic == self.inputs.topic)
            async with self._applying:
                starts, feedback = await self._claim(assigned)
                claimed = time.monotonic()
                kept = {number: left for number, left in self._left.items() if self._table.is_unbroken(number)}
                self._left = {}
                chunks = {tp: [*self._table.records(tp.partition, CHUNK)] for tp in assigned if tp.partition not in kept}
                await self._check_history({tp: _complete_to(records) for tp, records in chunks.items()})
                new = [self._loaded(tp, chunks.pop(tp), starts[tp]) for tp in [*chunks]]
                loaded = time.monotonic()
                await asyncio.gather(*(self._recall(partition, feedback.get(partition.tp.partition, 0)) for partition in new))
                old = [self._resumed(kept[tp.partition], starts[tp]) for tp in assigned if tp.partition in kept]
                self.partitions = {partition.tp.partition: partition for partition in (*new, *old)}
                self._generation = generation
                self._reading.forget(starts)
                if self.inputs.answers:
                    for partition in self.partitions.values():
                        await self._send_marks(partition, self.inputs.answers, UNKNOWN_EPOCH_SECONDS, range(self._count))
            seconds = (claimed - began, loaded - claimed, time.monotonic() - loaded)
            took = "claimed in {:.1f} s, loaded in {:.1f} s, last blocks read again in {:.1f} s".format(*seconds)
            log.info("%s: this worker owns partitions %s (%s)", self.app.conf.id, sorted(self.partitions), took)

    def positions(self) -> dict[TP, int]:
        """Return the last block applied (-1: none yet) of each partition."""
        return {partition.tp: partition.position for partition in self.partitions.values()}

    def report(self, metrics: Registry) -> None:
        """Update the metrics of all stages and checkpoints."""
        for number, partition in self.partitions.items():
            report_stage(metrics, self.inputs.agent, number, partition, time.monotonic())

    async def _pass_empty(self, partition: Partition) -> None:
        """Pass over the offsets without a record that come next: no record behind them may ever come, by which they were acknowledged."""
        if self._generation != self.app.consumer_generation_id:
            return
        if not (partition.pace and partition.pace.waiting):
            for offset in self._reading.take_empty(partition.tp):
                await self._apply_gathered(partition)
                partition.skip(offset)
        if self.inputs.feedback:
            for offset in self._reading.take_empty(TP(self.inputs.feedback, partition.tp.partition)):
                partition.hold_feedback(offset)

    async def _apply_soon(self) -> None:
        """Apply what comes within GATHER_SECONDS, in all partitions."""
        try:
            await asyncio.sleep(GATHER_SECONDS)
            with self.failure:
                async with self._applying:
                    self._gathering = None
                    for partition in list(self.partitions.values()):
                        await self._apply_gathered(partition)
        finally:
            if self._gathering is asyncio.current_task():
                self._gathering = None

    async def _apply_gathered(self, partition: Partition) -> None:
        """Apply the blocks that a partition has gathered, and send the resulting messages."""
        if partition.gathered:
            gathered, partition.gathered = partition.gathered, []
            began = time.perf_counter()
            messages = partition.apply_gathered(gathered)
            METRICS.observe(Metric.AGENT_SECONDS, time.perf_counter() - began, agent=self.inputs.agent)
            await partition.send(messages, self._sender(partition))

    async def _apply(self, partition: Partition, record: Record) -> None:
        began, arrival = time.perf_counter(), arrived(record.timestamp, time.time())
        messages = partition.apply(record.value or b"", record.offset, self._refusal(record), arrival)
        METRICS.observe(Metric.AGENT_SECONDS, time.perf_counter() - began, agent=self.inputs.agent)
        await partition.send(messages, self._sender(partition))

    async def _apply_in_pace(self, partition: Partition, pace: Pace, record: Record) -> None:
        stage = cast("TimedStage", partition.stage)
        arrival = record.timestamp or math.inf
        if pace.is_free:
            await self._apply(partition, record)
            reach = stage.newest
            pace.applied(reach)
        else:
            reach = min(stage.reach(record.value or b""), arrival)  # no event is later than its arrival
            pace.add(record, reach)
        pace.came(reach, arrival, time.monotonic())
        await self._report_reach(partition, pace)

    async def _catch_up(self) -> None:
        """Apply the blocks that need not wait for feedback, of all partitions the earliest first.

        Between two of them feedback is applied and other agents work: a backlog must not keep what it waits for from coming.
        """
        try:
            with self.failure:
                while True:
                    async with self._applying:
                        paces = {number: partition.pace for number, partition in self.partitions.items() if partition.pace}
                        reach, number = min(((pace.next_reach, number) for number, pace in paces.items()), default=(math.inf, -1))
                        if reach == math.inf or self._generation < 0:
                            self._catching_up = None  # what comes from here on begins anew
                            return
                        await self._apply(self.partitions[number], paces[number].pop_next())
                        await self._send_mark(self.partitions[number], paces[number])
                    await asyncio.sleep(0)
        finally:
            if self._catching_up is asyncio.current_task():
                self._catching_up = None

    async def _report_reach(self, partition: Partition, pace: Pace) -> None:
        """Tell how far a partition is, and go on with what need not wait for feedback any more."""
        await self._send_mark(partition, pace)
        if pace.next_reach < math.inf and self._catching_up is None:
            self._catching_up = asyncio.create_task(self._catch_up())

    async def _send_mark(self, partition: Partition, pace: Pace) -> None:
        end = cast("int | None", self.app.consumer.highwater(partition.tp))  # None before the first fetch
        after = EMPTY.behind(*partition.tp, max(partition.position + 1, partition.read_from))
        at_end = not pace.waiting and end is not None and after >= end
        if (due := pace.mark_due(at_end=at_end, now=time.monotonic())) is not None:
            await self._send_marks(partition, str(self.inputs.marks), due, range(self._count))

    async def _answer(self, partition: Partition, mark: Mark) -> None:
        """Send the lowest mark of all partitions back, behind the messages that came of what was before it."""
        has_changed, time_reached = partition.slowest.record_mark(mark), partition.slowest.time
        if time_reached > -math.inf and mark.source in partition.slowest.times:  # who sent it may have forgotten the answer
            to = range(self._count) if has_changed else (mark.source,)
            await self._send_marks(partition, str(self.inputs.answers), time_reached, to)

    async def _send_marks(self, partition: Partition, topic: str, time_reached: float, to: Iterable[int]) -> None:
        value = Mark(partition.tp.partition, time_reached).encode()
        await partition.send([Message(topic, number, value, MARK) for number in to], self._sender(partition))

    def _mark_in(self, record: Record) -> Mark | None:
        """Return the mark that a record is; None for any other record."""
        if record.key == MARK and self._refusal(record) is None:
            with suppress(msgspec.DecodeError):
                return Mark.decode(record.value or b"")
        return None

    def _owns(self, partition: Partition) -> bool:
        return self.partitions.get(partition.tp.partition) is partition

    async def _write(self, partition: Partition, chunks: Sequence[str]) -> None:
        async with self._applying:
            taken, complete_to = partition.freeze(chunks), partition.complete_to
        await partition.confirmed()
        await self._table.write(partition.tp.partition, taken, complete_to, partition.read_from)
        partition.written(chunks, taken)
        METRICS.add(Metric.CHUNKS_WRITTEN, len(chunks), agent=self.inputs.agent)

    async def _claim(self, tps: Sequence[TP]) -> tuple[dict[TP, int], dict[int, int]]:
        """Become the owner of these partitions.

        Returns the offset from which the input of each must be read, and by partition the one from which its feedback will be read.
        """
        committed = await cast("Consumer", self.app.consumer).seek_to_committed() if tps else {}
        read_from = await asyncio.gather(*(self._table.claim(tp.partition) for tp in tps))
        starts = {tp: self._start(tp, offset, committed.get(tp) or 0) for tp, offset in zip(tps, read_from, strict=True)}
        return starts, {tp.partition: offset or 0 for tp, offset in committed.items() if tp.topic == self.inputs.feedback}

    async def _recall(self, partition: Partition, committed: int) -> None:
        """Show a stage what it depends on of what was acknowledged. committed: offset from which its feedback will be read."""
        feedback = TP(self.inputs.feedback or "", partition.tp.partition)
        if committed:  # a topic that was made anew may end before
            committed = min(committed, (await self.app.consumer.highwaters(feedback))[feedback] or 0)
        await recall(partition, feedback, committed, self._table.read_range, self._signatures)

    def _start(self, tp: TP, read_from: int, acknowledged: int) -> int:
        """Return the first input offset that the state may lack; an error is logged when Kafka was told that the state has it."""
        if read_from == NO_OFFSET:
            return acknowledged
        if read_from < acknowledged:
            METRICS.add(Metric.STATE_BEHIND, agent=self.inputs.agent)
            log.error(
                "%s: the state of partition %d ends at offset %d, but input up to %d was acknowledged: it is read again from there",
                *(self.app.conf.id, tp.partition, read_from, acknowledged),
            )
        return min(read_from, acknowledged)

    def _drop(self, partition: Partition, error: FencedError) -> None:
        """Drop a partition that another worker owns: nothing more of it is applied, written or acknowledged."""
        log.warning("%s: %s: partition %d is dropped", self.app.conf.id, error, partition.tp.partition)
        if self.partitions.get(partition.tp.partition) is partition:
            del self.partitions[partition.tp.partition]

    async def _note_acknowledged(self, partition: Partition) -> None:
        await self._table.note_acknowledged(partition.tp.partition, partition.complete_to, partition.read_from)

    async def _acknowledge(self, partition: Partition) -> None:
        free = partition.acknowledge()
        if free:
            partition.read_from = max(partition.read_from, free[-1] + 1)
            await self._note_acknowledged(partition)
        for offset in free:
            self._ack(partition.tp, offset)
        for offset in partition.acknowledge_feedback():
            self._ack(TP(self.inputs.feedback or "", partition.tp.partition), offset)

    def _ack(self, tp: TP, offset: int) -> None:
        # not the record as received: it would stay in memory until its chunks are written, a minute of blocks
        self.app.consumer.ack(Record(tp.topic, tp.partition, offset, 0.0, 0, None, None, None, None, tp=tp))

    async def _partition_in_turn(self, record: Record) -> Partition | None:
        """Return the partition of a record that is next in turn; None if the record must be skipped: it will be read again."""
        is_ours = record.generation_id == self._generation and record.partition in self.partitions
        return self.partitions[record.partition] if is_ours and await self._reading.in_turn(record) else None

    def _refusal(self, record: Record) -> MalformedEventError | None:
        return self._signatures.refusal(record.topic, record.key, record.value, headers_of(record))

    def _loaded(self, tp: TP, records: list[tuple[str, bytes, int]], read_from: int) -> Partition:
        archive = StoredArchive(self._table, tp.partition)
        stage = self._make_stage(tp.partition, archive)
        if self.inputs.feedback and not isinstance(stage, FeedbackStage):
            raise TypeError(f"{self.inputs.agent} reads {self.inputs.feedback}, but its stage has no apply_feedback")
        stage.load((name, data) for name, data, _ in records)
        if cold := int(stage.counters().get("cold_chunks", 0)):
            log.error("%s: %d chunks of partition %d cannot be read: their entities start empty", self.inputs.agent, cold, tp.partition)
        return self._resumed(Partition(tp, stage, archive, self._seconds, _complete_to(records)), read_from)

    def _resumed(self, left: Partition, read_from: int) -> Partition:
        """Return a partition with the stage of one that was left: nothing of it waits, and all of it is durable."""
        stage = left.stage
        partition = Partition(left.tp, stage, left.archive, self._seconds, left.complete_to, read_from)
        partition.rejected, partition.reported = left.rejected, left.reported
        partition.slowest = Slowest(self._count)
        if self.inputs.marks and isinstance(stage, TimedStage):
            partition.pace = Pace(self._count, stage.newest, time.monotonic(), self._end_seconds)
        return partition

    async def _check_history(self, complete_to: Mapping[TP, int]) -> None:
        """Refuse state that is ahead of its input: the topic was created again, and every block would look like a repeat.

        Raises:
            StateAheadError: If a chunk contains a block behind the end of its topic.
        """
        ends = await self.app.consumer.highwaters(*complete_to) if max(complete_to.values(), default=-1) >= 0 else {}
        for tp, end in ends.items():
            if complete_to[tp] >= (end or 0) + END_SLACK_OFFSETS:
                raise StateAheadError(
                    f"the state of {tp.topic}/{tp.partition} contains block {complete_to[tp]}, but the topic ends at {end}, so it was "
                    "made anew: keep the state, and restore the topic from its mirror or backup; docs/guarantees.md says what else there is"
                )

    async def _revoked(self, *_: Any, **__: Any) -> None:
        await self.leave()

    def _sender(self, partition: Partition) -> Send:
        return partial(self._rows.send, source=partition.tp.partition)

    async def _send(self, message: Message) -> asyncio.Future[Any]:
        headers = [*message.headers, *self._signatures.sign(message.topic, message.key, message.value)] or None
        value = None if message.is_tombstone else message.value
        sent = await self.app.producer.send(message.topic, message.key, value, message.partition, None, headers)
        return asyncio.ensure_future(sent)


def _complete_to(records: list[tuple[str, bytes, int]]) -> int:
    return max((offset for _, _, offset in records), default=-1)
