"""Every record in order, none left out, which Faust alone does not guarantee.

After the recovery of tables, Faust resumes the input, seeks to the committed offsets, and then empties its queues. A record that arrives
between the last two steps is lost, and offsets behind it can be committed (about once in ten restarts on a busy machine; see
`faust.tables.recovery`). So each partition has a cursor here, and records that were left out are read again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping
from typing import cast

import faust
from faust.transport.consumer import Consumer
from faust.types import TP
from faust.types.tuples import Message as Record

from streams.core.errors import HydrometerError
from streams.kafka.empty_offsets import EMPTY
from streams.schema import topics
from streams.telemetry.metrics import METRICS, Metric
from streams.worker.cursor import Cursor, Turn

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.05
"""Time for records inside Faust to arrive before the consumer seeks."""


class LostRecordsError(HydrometerError):
    """Kafka no longer has records that were not processed. An operator must decide: nothing is skipped silently."""


class OrderedInput:
    """The cursors of one app."""

    def __init__(self, app: faust.App, compacted: Collection[str] = ()) -> None:
        """Track the topics of an app; offsets of `compacted` topics may jump."""
        self._app = app
        self._compacted = compacted
        self._cursors: dict[TP, Cursor] = {}
        self._starts: Mapping[TP, int] = {}

    async def in_turn(self, record: Record) -> bool:
        """Return whether this record is the next of its partition. If records were left out, seek back to them.

        A record of an earlier or unfinished assignment is never in turn: it is read again.

        Raises:
            LostRecordsError: If Kafka no longer has the records that were left out.
        """
        if self._app.rebalancing or record.generation_id != self._app.consumer_generation_id:
            return False
        tp = TP(record.topic, record.partition)
        if tp not in self._cursors:
            await self._begin()
        cursor = self._cursors[tp]
        if (known := EMPTY.behind(*tp, cursor.next)) > cursor.next and record.offset > cursor.next:
            cursor.skip_to(known)
        turn = cursor.turn(record.offset, time.monotonic())
        if turn is Turn.REWIND:
            await self._rewind(tp, record.offset)
        if turn is Turn.HOLE:
            await self._pass_hole(tp, record.offset)
            turn = self._cursors[tp].turn(record.offset, time.monotonic())
        if turn is Turn.LOST:
            raise self._lost(tp, record.offset)
        return turn is Turn.TAKE

    def forget(self, starts: Mapping[TP, int] | None = None) -> None:
        """Drop all cursors: partitions were revoked or assigned. starts: offsets from which input must be read that state lacks."""
        self._cursors = {}
        self._starts = starts or {}

    @property
    def partitions(self) -> list[TP]:
        """The partitions that have a cursor: all, once a record has come since the last assignment."""
        return list(self._cursors)

    def take_empty(self, tp: TP) -> range:
        """Return the offsets without a record that come next, with no record behind them yet: the caller acknowledges them.

        A transaction's end is one. When a record comes behind such offsets, Faust counts them as a gap, which it acknowledges with the
        record itself; so here it must know of them before it counts, or no longer.
        """
        cursor, consumer = self._cursors.get(tp), cast("Consumer", self._app.consumer)
        if cursor is None or self._app.rebalancing:
            return range(0)
        empty = range(cursor.next, EMPTY.behind(tp.topic, tp.partition, cursor.next))
        reached = consumer._read_offset.get(tp) or -1  # noqa: SLF001 - the newest record that Faust was given
        if not empty or reached >= empty.stop or consumer._gap[tp].overlap(empty.start, empty.stop):  # noqa: SLF001
            return range(0)
        consumer._read_offset[tp] = empty.stop - 1  # noqa: SLF001
        cursor.skip_to(empty.stop)
        return empty

    async def _begin(self) -> None:
        consumer = cast("Consumer", self._app.consumer)
        assigned = [tp for tp in consumer.assignment() if tp.topic not in self._app.tables.changelog_topics]
        firsts = await consumer.earliest_offsets(*assigned)
        for tp in assigned:
            committed = consumer._committed_offset[tp]  # noqa: SLF001 - the offset at which Faust starts to read
            start = max(min(committed or 0, self._starts.get(TP(*tp), committed or 0)), firsts[tp] or 0)
            self._cursors[TP(*tp)] = Cursor(start, compacted=tp.topic in self._compacted)

    async def _pass_hole(self, tp: TP, offset: int) -> None:
        """Pass over offsets without a record (a transaction's end takes one). Raises LostRecordsError when Kafka had records there."""
        cursor = self._cursors[tp]
        firsts = await cast("Consumer", self._app.consumer).earliest_offsets(tp)
        if cursor.next < (firsts[tp] or 0):
            raise self._lost(tp, offset)
        log.warning("%s/%d: no record has an offset from %d to %d", tp.topic, tp.partition, cursor.next, offset - 1)
        cursor.skip_to(offset)

    def _lost(self, tp: TP, offset: int) -> LostRecordsError:
        return LostRecordsError(f"{tp.topic}/{tp.partition} has no records from {self._cursors[tp].next} to {offset}")

    async def _rewind(self, tp: TP, offset: int) -> None:
        """Read every partition from its cursor again: stopping the flow leaves out records of all partitions."""
        log.warning("%s/%d: %d came, %d was next; reading back", tp.topic, tp.partition, offset, self._cursors[tp].next)
        METRICS.add(Metric.GAPS_READ_BACK, agent=topics.agent_of(self._app.conf.id))
        consumer = cast("Consumer", self._app.consumer)
        consumer.stop_flow()
        await asyncio.sleep(SETTLE_SECONDS)
        for other, cursor in self._cursors.items():
            await consumer.seek(other, cursor.next)
        consumer.resume_flow()
