"""Every record in turn, none left out: what Faust alone does not promise.

When a worker has recovered its tables, Faust resumes the input, seeks to the committed offsets, and then empties its queues; a record
that arrives between the last two is gone, and the offsets behind it can be committed (seen about once in ten restarts on a busy
machine, and read in `faust.tables.recovery`). So each partition has a cursor here, and what was left out is read again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from typing import cast

import faust
from faust.transport.consumer import Consumer
from faust.types import TP
from faust.types.tuples import Message as Record

from streams.core.errors import HydrometerError
from streams.worker.cursor import Cursor, Turn

log = logging.getLogger(__name__)

SETTLE = 0.05
"""Seconds for records on their way through Faust to arrive, before reading starts elsewhere."""


class LostRecordsError(HydrometerError):
    """Kafka no longer has records that were not processed. A person must decide: nothing is skipped silently."""


class Reading:
    """The cursors of one app."""

    def __init__(self, app: faust.App, compacted: Collection[str] = ()) -> None:
        """Read the topics of an app; offsets of `compacted` topics may jump."""
        self._app = app
        self._compacted = compacted
        self._cursors: dict[TP, Cursor] = {}

    async def in_turn(self, record: Record) -> bool:
        """Tell whether this record is the next of its partition. If records were left out, read back to them.

        Records of an earlier assignment, or of one that is not settled yet, are never in turn: they are read again.
        """
        if self._app.rebalancing or record.generation_id != self._app.consumer_generation_id:
            return False
        place = TP(record.topic, record.partition)
        if place not in self._cursors:
            await self._begin()
        turn = self._cursors[place].turn(record.offset, time.monotonic())
        if turn is Turn.REWIND:
            await self._rewind(place, record.offset)
        if turn is Turn.LOST:
            raise LostRecordsError(f"{place.topic}/{place.partition} has no records from {self._cursors[place].next} to {record.offset}")
        return turn is Turn.TAKE

    def forget(self) -> None:
        """Forget the positions: partitions were revoked."""
        self._cursors = {}

    async def _begin(self) -> None:
        consumer = cast("Consumer", self._app.consumer)
        mine = [place for place in consumer.assignment() if place.topic not in self._app.tables.changelog_topics]
        firsts = await consumer.earliest_offsets(*mine)
        for place in mine:
            committed = consumer._committed_offset[place]  # noqa: SLF001 - where Faust has just begun to read
            start = max(committed or 0, firsts[place] or 0)
            self._cursors[TP(*place)] = Cursor(start, compacted=place.topic in self._compacted)

    async def _rewind(self, place: TP, found: int) -> None:
        """Read every partition from its cursor: stopping the flow leaves out records of all of them."""
        log.warning("%s/%d: %d came, %d was next; reading back", place.topic, place.partition, found, self._cursors[place].next)
        consumer = cast("Consumer", self._app.consumer)
        consumer.stop_flow()
        await asyncio.sleep(SETTLE)
        for each, cursor in self._cursors.items():
            await consumer.seek(each, cursor.next)
        consumer.resume_flow()
