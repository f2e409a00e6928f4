"""How a record is handed to its agents."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mode.services import Service

from streams.worker.delivery import PromptDelivery


def tasks_made_by(kind: type[Service]) -> int:
    """The tasks that it takes to hand on a record that a queue has room for."""
    made: list[Any] = []

    async def hand_on() -> int:
        service, suspended, queue = kind(), asyncio.Event(), asyncio.Queue[int]()
        loop = asyncio.get_running_loop()

        def counted(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
            made.append(work)
            return asyncio.Task(work, loop=loop, **options)

        loop.set_task_factory(counted)
        await service.wait_first(queue.put(7), suspended.wait())
        assert queue.get_nowait() == 7
        return len(made)

    return asyncio.run(hand_on())


def test_a_record_is_handed_on_in_one_task_where_faust_makes_four() -> None:
    assert (tasks_made_by(PromptDelivery), tasks_made_by(Service)) == (1, 4)


async def test_a_full_queue_is_waited_for_until_the_flow_is_suspended() -> None:
    service, suspended, queue = PromptDelivery(), asyncio.Event(), asyncio.Queue[int](maxsize=1)
    queue.put_nowait(1)
    waiting = asyncio.create_task(service.wait_first(queue.put(2), suspended.wait()))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    suspended.set()
    await waiting
    assert (queue.get_nowait(), queue.empty()) == (1, True), "the record is read again after the rebalance"


async def test_a_full_queue_takes_the_record_when_it_has_room() -> None:
    service, suspended, queue = PromptDelivery(), asyncio.Event(), asyncio.Queue[int](maxsize=1)
    queue.put_nowait(1)
    waiting = asyncio.create_task(service.wait_first(queue.put(2), suspended.wait()))
    await asyncio.sleep(0.01)
    assert queue.get_nowait() == 1
    await waiting
    assert queue.get_nowait() == 2


async def test_what_cannot_be_handed_on_is_an_error_of_who_waits() -> None:
    async def broken() -> None:
        raise ValueError("no such channel")

    with pytest.raises(ValueError, match="no such channel"):
        await PromptDelivery().wait_first(broken(), asyncio.Event().wait())
