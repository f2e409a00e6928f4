"""Group commit for HTTP: many callers wait for one delivery, and each gets its result.

Callers within `block_seconds` share a group. When the group closes, all open blocks are cut and delivered in a thread; the collector
forgets lost blocks, so that sending them again is not a duplicate. A caller also waits for the groups before its own: an event that was
dropped as its duplicate may be in one of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from streams.intake.block_producer import BlockProducer, OutgoingRecord, count
from streams.intake.callers import Caller
from streams.intake.collector import Collector, Ingested, Line, OutgoingBlock
from streams.intake.fair_thread import FairThread

REJECT_AFTER_FAILURE_SECONDS: Final = 1.0
"""After a failed delivery, requests are rejected unread for this long."""
MAX_WAITING_GROUPS: Final = 64
"""Groups being delivered from which requests are rejected."""
MAX_SLICE_LINES: Final = 512
"""Lines that are parsed at a time: other sources' slices come between."""
MAX_SLICE_BYTES: Final = 256 * 1024
"""Bytes that are parsed at a time; the line that exceeds them is the slice's last."""
MAX_UNANSWERED_BYTES: Final = 64 * 1024 * 1024
"""Bytes being delivered from which requests are rejected."""
_NO_SOURCE: Final = ""
"""Takes the turns of what is done for all sources."""


class GroupCommit:
    """One collector and one producer, shared by all callers of an event loop."""

    def __init__(self, collector: Collector, producer: BlockProducer, seconds: float) -> None:
        """Start without a group. seconds: how long a group stays open."""
        self.collector = collector
        self._producer = producer
        self._seconds = seconds
        self.failures = 0
        """Failed deliveries so far. A caller with lines in several groups compares it before and after."""
        self._records: list[OutgoingRecord] = []
        self._open: asyncio.Task[bool] | None = None
        self._under_way: set[asyncio.Task[bool]] = set()
        self._bytes = 0
        self._rest_until = 0.0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ship")
        self._parser = FairThread("parse")

    @property
    def busy(self) -> bool:
        """Whether callers should come back later: the broker is unavailable or too slow."""
        return self._bytes > MAX_UNANSWERED_BYTES or len(self._under_way) >= MAX_WAITING_GROUPS or time.monotonic() < self._rest_until

    async def add(self, lines: Sequence[Line], arrival: float, caller: Caller) -> Ingested:
        """Ingest lines that came at `arrival` (epoch seconds), as `Collector.add` does.

        It works slice by slice in a thread, of each source in turn, so that no source waits for all lines of another.

        They are delivered with the open groups: await `delivered` at once, and compare `failures`.
        Raises FuseBlownError while the caller is paused.
        """
        whole = Ingested()
        for start, end in _slices(lines):
            part, positions = lines[start:end], range(start + 1, end + 1)
            ingested = await self._parser.run(
                caller.source, partial(self.collector.add, part, caller.source, arrival, positions, caller.fuse)
            )
            count(ingested, caller.source)
            self._records += [*ingested.dead, *ingested.outgoing]
            whole.accepted += ingested.accepted
            whole.rejected += ingested.rejected
            whole.dead += ingested.dead
            if caller.fuse.blown:
                break
        return whole

    async def delivered(self) -> bool:
        """Wait for the open group and all before it; return whether all arrived."""
        if self._open is None:
            self._open = asyncio.create_task(self._commit())
            self._under_way.add(self._open)
        return all(await asyncio.gather(*map(asyncio.shield, self._under_way)))

    async def close(self) -> None:
        """Deliver the open groups, and stop."""
        await asyncio.gather(*self._under_way)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._producer.close)
        self._thread.shutdown()
        self._parser.close()

    async def _commit(self) -> bool:
        await asyncio.sleep(self._seconds)
        task, self._open = self._open, None
        flushed = await self._parser.run(_NO_SOURCE, self.collector.flush)
        records, self._records = [*self._records, *flushed], []
        size = sum(len(record.data if isinstance(record, OutgoingBlock) else record.line) for record in records)
        self._bytes += size
        try:
            lost = await asyncio.get_running_loop().run_in_executor(self._thread, self._producer.deliver, records)
        finally:
            self._bytes -= size
            self._under_way -= {task}
        for record in lost:
            if isinstance(record, OutgoingBlock):
                await self._parser.run(_NO_SOURCE, partial(self.collector.forget, record))
        if lost:
            self.failures += 1
            self._rest_until = time.monotonic() + REJECT_AFTER_FAILURE_SECONDS
        return not lost


def _slices(lines: Sequence[Line]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last position, exclusive, of each slice."""
    start = size = 0
    for end, line in enumerate(lines, 1):
        size += len(line) if isinstance(line, bytes) else 0
        if end - start >= MAX_SLICE_LINES or size > MAX_SLICE_BYTES:
            yield start, end
            start, size = end, 0
    if start < len(lines):
        yield start, len(lines)
