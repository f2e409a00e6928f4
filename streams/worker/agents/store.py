"""The agent `store`: writes every record that becomes a row to ClickHouse, by `streams.clickhouse.batch_writer` in its own thread.

While ClickHouse is unreachable, the thread retries, the agent waits for the thread, Faust's queue fills up and Faust stops reading. No
offset is acknowledged, nothing is dropped, and memory is bounded by the queue (512 records) and the open batches.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import faust
from faust.transport.consumer import Consumer
from faust.types import TP, EventT, StreamT
from faust.types.tuples import Message as Record

from streams.clickhouse import rows
from streams.clickhouse.batch_writer import BatchWriter, Partition
from streams.core.errors import StoreUnavailableError
from streams.schema import topics
from streams.schema.signatures import Signatures
from streams.telemetry.metrics import Registry
from streams.worker.failure import Failure
from streams.worker.ordered_input import OrderedInput
from streams.worker.source import headers_of, source, unacknowledged


class StoreEngine:
    """The store stage in its thread, and the offsets that wait for ClickHouse."""

    def __init__(self, app: faust.App, make_store: Callable[[threading.Event], BatchWriter], signatures: Signatures) -> None:
        """Make the store; the event it is given tells it to stop waiting for ClickHouse. `signatures` check what is read."""
        self.app = app
        self._signatures = signatures
        self.failure = Failure()
        self._stopping = threading.Event()
        self._store = make_store(self._stopping)
        self._thread = ThreadPoolExecutor(1, "store")
        self._busy = asyncio.Lock()
        self._positions: dict[Partition, int] = {}
        self._reading = OrderedInput(app, compacted=(topics.ALERTS, topics.CASES, topics.LABELS))
        self._held: dict[Partition, deque[int]] = {}
        app.on_partitions_revoked.connect(self._revoked, weak=False)

    def positions(self) -> dict[TP, int]:
        """Return the last record taken of each partition; empty while the thread waits for ClickHouse, which does not count as a stall."""
        return {} if self._busy.locked() else {TP(*tp): offset for tp, offset in self._positions.items()}

    def report(self, _metrics: Registry) -> None:
        """Do nothing: the store counts as it writes."""

    async def receive(self, event: EventT[Any]) -> None:
        """Hand one record to the store, and acknowledge the records that are in ClickHouse."""
        with self.failure:
            async with self._busy:
                record = event.message
                if not await self._reading.in_turn(record):
                    return
                tp = (record.topic, record.partition)
                self._held.setdefault(tp, deque()).append(record.offset)
                self._positions[tp] = record.offset
                await self._do(lambda: self._store.apply([self._row(record)], time.monotonic()))

    async def tick(self) -> None:
        """Write the batches that are due."""
        with self.failure:
            async with self._busy:
                await self._do(lambda: self._store.due(time.monotonic()))
                for tp in self._reading.partitions:
                    if not self._held.get((tp.topic, tp.partition)):  # else those before it come first
                        for offset in self._reading.take_empty(tp):  # no record comes by which it were acknowledged
                            self._ack(tp, offset)

    async def leave(self) -> None:
        """Stop waiting for ClickHouse, and commit the stored records. The others are read again later."""
        self._stopping.set()
        async with self._busy:
            await cast("Consumer", self.app.consumer).force_commit()
        self._thread.shutdown()

    async def _do(self, work: Callable[[], Mapping[Partition, int]]) -> None:
        if self._stopping.is_set():  # the thread is gone, or about to go
            return
        try:
            stored = await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except StoreUnavailableError:
            if not self._stopping.is_set():
                raise
            return
        for tp, last in stored.items():
            waiting = self._held[tp]
            while waiting and waiting[0] <= last:
                self._ack(TP(*tp), waiting.popleft())

    def _row(self, record: Record) -> rows.KafkaRecord:
        headers = headers_of(record)
        error = self._signatures.refusal(record.topic, record.key, record.value, headers) if record.value is not None else None
        reason = error.reason if error else ""
        return rows.KafkaRecord(record.topic, record.partition, record.offset, record.timestamp or 0.0, record.value, dict(headers), reason)

    def _ack(self, tp: TP, offset: int) -> None:
        self.app.consumer.ack(Record(tp.topic, tp.partition, offset, 0.0, 0, None, None, None, None, tp=tp))

    async def _revoked(self, *_: Any, **__: Any) -> None:
        async with self._busy:
            self._store.forget(list(self._held))
            self._held.clear()
            self._reading.forget()
            self._positions.clear()


def attach(app: faust.App, engine: StoreEngine) -> None:
    """Make the app read every topic that becomes rows."""
    stored = source(app, *rows.STORED)

    @app.agent(stored, name=topics.STORE_AGENT)
    async def store(records: StreamT[bytes]) -> None:
        """Write every record to ClickHouse, in batches."""
        async for event in unacknowledged(records):
            await engine.receive(event)
