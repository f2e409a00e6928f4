"""Group commit for the asynchronous ways in: many callers wait for one delivery, and all learn whether it arrived.

Callers that come within `block_seconds` share a group. When the group closes, all open blocks are cut and delivered in a thread; what did
not arrive is forgotten by the collector, so that sending it again is no duplicate. A caller waits for the groups before its own too: what
was dropped as its duplicate may be in one of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from streams.intake.block_producer import Parcel, Shipper, count
from streams.intake.collector import Collector, Outgoing, Step

REST_SECONDS: Final = 1.0
"""After a failed delivery, callers are turned away this long, without being read."""
MOST_WAITING: Final = 64
"""Groups under way before callers are turned away, or ..."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""... bytes."""


class Groups:
    """One collector and one shipper, shared by all callers of an event loop."""

    def __init__(self, collector: Collector, shipper: Shipper, seconds: float, source: str) -> None:
        """`seconds` is how long a group stays open; `source` names the way in, for metrics and dead letters."""
        self.collector = collector
        self._shipper = shipper
        self._seconds = seconds
        self._source = source
        self._parcels: list[Parcel] = []
        self._open: asyncio.Task[bool] | None = None
        self._under_way: set[asyncio.Task[bool]] = set()
        self._bytes = 0
        self._rest_until = 0.0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ship")

    @property
    def busy(self) -> bool:
        """Tell whether callers should come back later: the broker is away, or does not keep up."""
        return self._bytes > MOST_BYTES or len(self._under_way) >= MOST_WAITING or time.monotonic() < self._rest_until

    def add(self, lines: Sequence[bytes], arrival: float, positions: Sequence[object] | None = None) -> Step:
        """Take lines, as `Collector.add` does. They are delivered with the open group: await `delivered` at once."""
        step = self.collector.add(lines, self._source, arrival, positions)
        count(step, self._source)
        self._parcels += [*step.dead, *step.outgoing]
        return step

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

    async def _commit(self) -> bool:
        await asyncio.sleep(self._seconds)
        parcels, self._parcels = [*self._parcels, *self.collector.flush()], []
        task, self._open = self._open, None
        size = sum(len(each.data if isinstance(each, Outgoing) else each.line) for each in parcels)
        self._bytes += size
        try:
            lost = await asyncio.get_running_loop().run_in_executor(self._thread, self._shipper.deliver, parcels)
        finally:
            self._bytes -= size
            self._under_way -= {task}
        for each in lost:
            if isinstance(each, Outgoing):
                self.collector.forget(each)
        if lost:
            self._rest_until = time.monotonic() + REST_SECONDS
        return not lost
