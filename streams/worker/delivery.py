"""How a record is handed to its agents: in one task of asyncio, where Faust makes four and cancels three of them, for each record.

They would end the wait when a rebalance or a stop begins while an agent's queue is full. A queue that has room takes the record at once, so
that there is nothing to wait for; Faust's own way is taken where that is not so.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from mode.services import Service, WaitResults


class PromptDelivery(Service):
    """A consumer of Faust's that looks whether a record was handed on at once, before it waits for anything else."""

    async def wait_first(self, *coros: Any, timeout: Any = None) -> WaitResults:  # noqa: ASYNC109 - the signature of mode
        """Return what ended first of these, of a stop and of a crash. See `mode.Service.wait_first`."""
        first, *others = coros
        if not inspect.iscoroutine(first):
            return await super().wait_first(*coros, timeout=timeout)
        handed = asyncio.ensure_future(first)
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            handed.cancel()
            raise
        if not handed.done():
            return await super().wait_first(handed, *others, timeout=timeout)
        for other in others:
            if inspect.iscoroutine(other):
                other.close()  # it was never begun
        return WaitResults([handed], [handed.result()], stopped=False)
