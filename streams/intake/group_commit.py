"""Group commit for the asynchronous ways in: many callers wait for one delivery, and all learn whether it arrived.

Callers that come within `block_seconds` share a group. When the group closes, all open blocks are cut and delivered in a thread; what did
not arrive is forgotten by the collector, so that sending it again is no duplicate. A caller waits for the groups before its own too: what
was dropped as its duplicate may be in one of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from streams.intake.block_producer import Parcel, Shipper, count
from streams.intake.callers import Caller
from streams.intake.collector import Collector, Line, Outgoing, Step

REST_SECONDS: Final = 1.0
"""After a failed delivery, callers are turned away this long, without being read."""
MOST_WAITING: Final = 64
"""Groups under way before callers are turned away, or ..."""
SLICE_LINES: Final = 512
"""Lines that are parsed at a time."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""... bytes."""

T = TypeVar("T")


class Groups:
    """One collector and one shipper, shared by all callers of an event loop."""

    def __init__(self, collector: Collector, shipper: Shipper, seconds: float) -> None:
        """`seconds` is how long a group stays open."""
        self.collector = collector
        self._shipper = shipper
        self._seconds = seconds
        self.failures = 0
        """Deliveries that did not arrive. A caller whose lines went in several groups looks whether it grew meanwhile."""
        self._parcels: list[Parcel] = []
        self._open: asyncio.Task[bool] | None = None
        self._under_way: set[asyncio.Task[bool]] = set()
        self._bytes = 0
        self._rest_until = 0.0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ship")
        self._parser = ThreadPoolExecutor(max_workers=1, thread_name_prefix="parse")

    @property
    def busy(self) -> bool:
        """Tell whether callers should come back later: the broker is away, or does not keep up."""
        return self._bytes > MOST_BYTES or len(self._under_way) >= MOST_WAITING or time.monotonic() < self._rest_until

    async def add(self, lines: Sequence[Line], arrival: float, caller: Caller) -> Step:
        """Take lines, as `Collector.add` does, a slice after the other in a thread: other callers' slices come between.

        They are delivered with the groups that are open meanwhile: await `delivered` at once, and compare `failures`.
        Raises FuseBlownError while the caller is paused.
        """
        whole = Step()
        for start in range(0, len(lines), SLICE_LINES):
            part = lines[start : start + SLICE_LINES]
            positions = range(start + 1, start + len(part) + 1)
            step = await self._parsed(partial(self.collector.add, part, caller.source, arrival, positions, caller.fuse))
            count(step, caller.source)
            self._parcels += [*step.dead, *step.outgoing]
            whole.accepted += step.accepted
            whole.rejected += step.rejected
            if caller.fuse.blown:
                break
        return whole

    async def _parsed(self, work: Callable[[], T]) -> T:
        """Run what touches the collector in its own thread."""
        return await asyncio.get_running_loop().run_in_executor(self._parser, work)

    async def delivered(self) -> bool:
        """Wait for the open group and all before it, and tell whether they arrived."""
        if self._open is None:
            self._open = asyncio.create_task(self._commit())
            self._under_way.add(self._open)
        return all(await asyncio.gather(*map(asyncio.shield, self._under_way)))

    async def close(self) -> None:
        """Deliver what is open, and stop."""
        await asyncio.gather(*self._under_way)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._shipper.close)
        self._thread.shutdown()
        self._parser.shutdown()

    async def _commit(self) -> bool:
        await asyncio.sleep(self._seconds)
        task, self._open = self._open, None
        flushed = await self._parsed(self.collector.flush)
        parcels, self._parcels = [*self._parcels, *flushed], []
        size = sum(len(each.data if isinstance(each, Outgoing) else each.line) for each in parcels)
        self._bytes += size
        try:
            lost = await asyncio.get_running_loop().run_in_executor(self._thread, self._shipper.deliver, parcels)
        finally:
            self._bytes -= size
            self._under_way -= {task}
        for each in lost:
            if isinstance(each, Outgoing):
                await self._parsed(partial(self.collector.forget, each))
        if lost:
            self.failures += 1
            self._rest_until = time.monotonic() + REST_SECONDS
        return not lost
