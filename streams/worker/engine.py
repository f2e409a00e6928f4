"""What all doorways with state have in common: apply, send, checkpoint, acknowledge; load and leave partitions.

The order that keeps every event counted exactly once, and no message lost:

1. apply a block and hand its messages to Kafka, both under one lock, so that no chunk is taken between them;
2. take the bytes of some changed chunks, and wait until Kafka has confirmed every message of the blocks they contain;
3. write the chunks to the table, and wait until Kafka has confirmed them;
4. acknowledge the offsets whose blocks are contained in written chunks only.

A crash between any two steps repeats blocks; chunks skip those they contain.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import faust
from faust.transport.consumer import Consumer
from faust.types import TP, EventT
from faust.types.tuples import Message as Record

from streams.core.errors import StateLayoutError
from streams.schema import topics
from streams.stages.stage import MakeStage, Message, TwoInputStage
from streams.telemetry.metrics import METRICS, Metric, Registry
from streams.worker.failure import Failure
from streams.worker.partition import Partition
from streams.worker.reading import Reading
from streams.worker.report import report_stage
from streams.worker.table import CHUNK, Archive, ChunkTable

log = logging.getLogger(__name__)

END_SLACK = 10_000
"""How far a topic may seem to end before its last record: Tansu reports the start of the last batch, Kafka is exact."""
AT_ONCE = 32
"""Chunks taken together when everything is written: bounds the memory that their bytes need."""


@dataclass(frozen=True)
class Inputs:
    """What an agent reads. The second input has as many partitions as the first, and is read by the stage of the same number."""

    agent: str
    topic: str
    second: str | None = None
    single: bool = False
    """One partition, because one stage must see everything."""


class Engine:
    """The partitions of one agent in this process."""

    def __init__(self, app: faust.App, table: ChunkTable, inputs: Inputs, make_stage: MakeStage, checkpoint_seconds: float) -> None:
        """Run a stage on each partition of the input that is assigned to this worker; keep its state in `table`."""
        self.app = app
        self.inputs = inputs
        self.partitions: dict[int, Partition] = {}
        self.failure = Failure()
        self._table = table
        self._make_stage = make_stage
        self._seconds = checkpoint_seconds
        self._generation = -1
        self._reading = Reading(app, compacted=(topics.LABELS,))
        self._applying = asyncio.Lock()
        self._writing = asyncio.Lock()
        table.on_recover(self.load)
        app.on_partitions_revoked.connect(self._revoked, weak=False)

    async def take(self, event: EventT[Any]) -> None:
        """Apply one block, and send what comes out. A block of an earlier assignment is left to be read again."""
        record = event.message
        with self.failure:
            async with self._applying:
                if partition := await self._whose(record):
                    began = time.perf_counter()
                    messages = partition.apply(record.value or b"", record.offset)
                    METRICS.observe(Metric.AGENT_SECONDS, time.perf_counter() - began, agent=self.inputs.agent)
                    await partition.send(messages, self._send)

    async def take_second(self, event: EventT[Any]) -> None:
        """Apply one record of the second input, in the stage of the partition of the same number."""
        record = event.message
        with self.failure:
            async with self._applying:
                if partition := await self._whose(record):
                    messages = partition.apply_feedback(record.topic, record.value or b"", record.offset)
                    await partition.send(messages, self._send)
                    partition.hold_second(record.offset)

    async def tick(self) -> None:
        """Write the chunks that are due, and acknowledge what that frees. Call it about once a second."""
        await self.checkpoint()

    async def checkpoint(self, *, everything: bool = False) -> None:
        """Write the chunks that are due (or all that changed), and acknowledge what that frees."""
        with self.failure:
            async with self._writing:
                for partition in list(self.partitions.values()):
                    dirty = partition.stage.dirty()
                    due = partition.checkpoint.everything(dirty) if everything else partition.checkpoint.due(dirty, time.monotonic())
                    for start in range(0, len(due), AT_ONCE):
                        await self._write(partition, due[start : start + AT_ONCE])
                    if everything:
                        await partition.confirmed()
                    self._acknowledge(partition)

    async def leave(self) -> None:
        """Write, acknowledge and commit all that can be, then forget the partitions: before they may move, and before a stop."""
        if self.failure.error is not None:
            return
        async with self._applying:
            leaving, self._generation = len(self.partitions), -1  # whatever still arrives is left to be read again
        if leaving:
            await self.checkpoint(everything=True)
            await cast("Consumer", self.app.consumer).force_commit()
        self.partitions = {}

    async def load(self) -> None:
        """Make the stages of the assigned partitions from their chunks: called by Faust when it has recovered the table."""
        with self.failure:
            mine = sorted(place for place in self.app.assignor.assigned_actives() if place.topic == self.inputs.topic)
            async with self._applying:
                held = {place: [*self._table.records(place.partition, CHUNK)] for place in mine}
                await self._check_history({place: _complete_to(records) for place, records in held.items()})
                self.partitions = {place.partition: self._loaded(place, held.pop(place)) for place in mine}
                self._generation = self.app.consumer_generation_id
                self._reading.forget()
            log.info("%s: partitions %s are ours", self.app.conf.id, sorted(self.partitions))

    def positions(self) -> dict[TP, int]:
        """Return the last block applied (-1: none yet) of each partition."""
        return {partition.place: partition.position for partition in self.partitions.values()}

    def report(self, metrics: Registry) -> None:
        """Set what the stages and their checkpoints have counted."""
        for number, partition in self.partitions.items():
            report_stage(metrics, self.inputs.agent, number, partition, time.monotonic())

    async def _write(self, partition: Partition, chunks: Sequence[str]) -> None:
        async with self._applying:
            taken, complete_to = partition.take(chunks), partition.complete_to
        await partition.confirmed()
        await self._table.write(partition.place.partition, taken, complete_to)
        partition.written(chunks, taken)
        METRICS.add(Metric.CHUNKS_WRITTEN, len(chunks), agent=self.inputs.agent)

    def _acknowledge(self, partition: Partition) -> None:
        for offset in partition.acknowledge():
            self._ack(partition.place, offset)
        for offset in partition.acknowledge_second():
            self._ack(TP(self.inputs.second or "", partition.place.partition), offset)

    def _ack(self, place: TP, offset: int) -> None:
        # not the record as received: holding that until its chunks are written would hold a minute of blocks in memory
        self.app.consumer.ack(Record(place.topic, place.partition, offset, 0.0, 0, None, None, None, None, tp=place))

    async def _whose(self, record: Record) -> Partition | None:
        """Return the partition whose turn this record is, or None when it is to be left: it will be read again."""
        ours = record.generation_id == self._generation and record.partition in self.partitions
        return self.partitions[record.partition] if ours and await self._reading.in_turn(record) else None

    def _loaded(self, place: TP, records: list[tuple[str, bytes, int]]) -> Partition:
        archive = Archive(self._table, place.partition)
        stage = self._make_stage(place.partition, archive)
        if self.inputs.second and not isinstance(stage, TwoInputStage):
            raise TypeError(f"{self.inputs.agent} reads {self.inputs.second}, but its stage has no apply_feedback")
        stage.load((name, data) for name, data, _ in records)
        if cold := int(stage.counters().get("cold_chunks", 0)):
            log.error("%s: %d chunks of partition %d cannot be read: what they held starts cold", self.inputs.agent, cold, place.partition)
        return Partition(place, stage, archive, self._seconds, _complete_to(records))

    async def _check_history(self, held: Mapping[TP, int]) -> None:
        """Refuse state that is ahead of its input: the topic was made anew, and every block would pass for a repeat."""
        ends = await self.app.consumer.highwaters(*held) if max(held.values(), default=-1) >= 0 else {}
        for place, end in ends.items():
            if held[place] >= (end or 0) + END_SLACK:
                raise StateLayoutError(
                    f"the state of {place.topic}/{place.partition} contains block {held[place]}, but the topic ends at {end}, so it was "
                    f"made anew: delete {self.app.conf.datadir} and topic {self._table.changelog_topic.get_topic_name()}"
                )

    async def _revoked(self, *_: Any, **__: Any) -> None:
        await self.leave()

    async def _send(self, message: Message) -> asyncio.Future[Any]:
        headers = list(message.headers) or None
        sent = await self.app.producer.send(message.topic, message.key, message.value, message.partition, None, headers)
        return asyncio.ensure_future(sent)


def _complete_to(records: list[tuple[str, bytes, int]]) -> int:
    return max((offset for _, _, offset in records), default=-1)
