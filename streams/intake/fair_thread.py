"""A thread that works for several sources in turn, so that none waits for all of another's work."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

T = TypeVar("T")


class Run(Protocol):
    """Runs a function in the thread, and returns its result."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Run `work`."""
        ...


class FairThread:
    """One thread. Of the sources that wait, the one whose last turn was longest ago is next: a source waits for one turn of each other."""

    def __init__(self, name: str) -> None:
        """Start without work. name: of the thread."""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._last_turn: dict[str, int] = {}
        self._turns = 0
        self._busy = False

    @property
    def waiting(self) -> int:
        """The number that waits for a turn."""
        return sum(map(len, self._waiting.values()))

    async def run(self, source: str, work: Callable[[], T]) -> T:
        """Run a function in the thread in the source's turn, and return its result."""
        async with self.turn(source) as run:
            return await run(work)

    @asynccontextmanager
    async def turn(self, source: str) -> AsyncIterator[Run]:
        """Wait for the source's turn. Until the context ends the thread belongs to it, and runs what it is given."""
        await self._wait(source)
        self._turns += 1
        self._last_turn[source] = self._turns
        try:
            yield self._run
        finally:
            self._next()

    def close(self) -> None:
        """End the thread after its last work."""
        self._thread.shutdown()

    async def _run(self, work: Callable[[], T], /) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _wait(self, source: str) -> None:
        if not self._busy:
            self._busy = True
            return
        called = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(source, deque()).append(called)
        try:
            await called
        except asyncio.CancelledError:
            if not called.cancelled():  # it was called, and does not come
                self._next()
            raise

    def _next(self) -> None:
        """Call the next that waits; the thread stays busy unless there is none."""
        while self._waiting:
            source = min(self._waiting, key=lambda waiting: self._last_turn.get(waiting, 0))
            called = self._waiting[source].popleft()
            if not self._waiting[source]:
                del self._waiting[source]
            if not called.done():
                called.set_result(None)
                return
        self._busy = False
