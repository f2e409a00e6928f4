"""Rows of several partitions of accounts for one partition of groups leave as one record.

`collect` closes the blocks of all partitions together, and each of them has rows for most partitions of groups: with four of either,
sixteen records of a few rows each, which are packed, signed, sent, checked, read and counted one by one. Rows that come within
JOIN_SECONDS leave together, at most one block of each partition: a member is in a block once. How they are joined makes no difference:
each row says which offset of its partition it contains, and its member counts it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from streams.schema import layouts
from streams.schema.blocks import Block
from streams.schema.folded import MAX_FOLDED_ROWS
from streams.schema.joined import joined
from streams.stages.stage import Message
from streams.worker.failure import Failure

JOIN_SECONDS: Final = 0.05
"""Time for which rows are kept: the blocks that `collect` has closed together have been counted by then."""

Confirmation = asyncio.Future[Any]


@dataclass
class _Open:
    """The rows for one partition that have not left yet."""

    sources: set[int] = field(default_factory=set)
    blocks: list[Block] = field(default_factory=list)
    rows: int = 0
    promised: list[Confirmation] = field(default_factory=list)


class JoinedRows:
    """Between the stages of an agent and its producer: everything for a partition of a topic leaves in its order."""

    def __init__(self, send: Callable[[Message], Awaitable[Confirmation]], failure: Failure) -> None:
        """Start without rows.

        Args:
            send: Hands a message to the producer, and returns what Kafka's confirmation will be.
            failure: Of the agent: after one nothing more is sent.
        """
        self._producer_send, self._failure = send, failure
        self._open: dict[tuple[str, int], _Open] = {}
        self._turn = asyncio.Lock()
        self._leaving: asyncio.Task[None] | None = None

    async def send(self, message: Message, source: int) -> Confirmation:
        """Send a message, or keep it for a moment if it is rows. source: the partition that it comes from."""
        target, block = (message.topic, message.partition), message.content
        if not isinstance(block, Block) or block.layout is not layouts.GROUPS:
            async with self._turn:
                await self._leave(target)
                return await self._producer_send(message)
        rows = self._open.get(target)
        if rows and (source in rows.sources or rows.rows + len(block) > MAX_FOLDED_ROWS):
            async with self._turn:
                await self._leave(target)
        rows = self._open.setdefault(target, _Open())
        rows.sources.add(source)
        rows.blocks.append(block)
        rows.rows += len(block)
        rows.promised.append(asyncio.get_running_loop().create_future())
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave_soon())
        return rows.promised[-1]

    async def _leave_soon(self) -> None:
        try:
            await asyncio.sleep(JOIN_SECONDS)
            with self._failure:
                async with self._turn:
                    self._leaving = None  # what comes from here on begins anew
                    for target in list(self._open):
                        await self._leave(target)
        finally:
            if self._leaving is asyncio.current_task():
                self._leaving = None

    async def _leave(self, target: tuple[str, int]) -> None:
        """Send the rows for a partition, if there are any."""
        rows = self._open.pop(target, None)
        if rows is None:
            return
        confirmed: Confirmation | None = None
        try:
            confirmed = await self._producer_send(Message(*target, joined(layouts.GROUPS, rows.blocks)))
            confirmed.add_done_callback(partial(_confirm, rows.promised))
        finally:
            if confirmed is None:  # the error goes to who sends, and whoever waits for these rows waits no more
                for promise in rows.promised:
                    promise.cancel()


def _confirm(promised: list[Confirmation], confirmed: Confirmation) -> None:
    """Pass Kafka's answer on to all that was sent with it."""
    for promise in promised:
        if promise.done():
            continue
        if confirmed.cancelled():
            promise.cancel()
        elif error := confirmed.exception():
            promise.set_exception(error)
        else:
            promise.set_result(None)
