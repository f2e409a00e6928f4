"""Work of several sources is done in turn."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from streams.intake.fair_thread import FairThread


async def begun(fair: FairThread, source: str, work: list[str], done: list[str]) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(fair.run(source, partial(done.append, name))) for name in work]
    await asyncio.sleep(0)
    return tasks


async def test_who_comes_last_waits_for_one_turn_of_each_other_source() -> None:
    fair, done, gate = FairThread("test"), list[str](), threading.Event()
    first = asyncio.create_task(fair.run("a", gate.wait))
    await asyncio.sleep(0)
    tasks = [*await begun(fair, "a", ["a1", "a2", "a3"], done), *await begun(fair, "b", ["b1", "b2"], done)]
    gate.set()
    await asyncio.gather(first, *tasks)
    assert done == ["b1", "a1", "b2", "a2", "a3"]
    fair.close()


async def test_who_leaves_while_it_waits_or_fails_in_its_turn_keeps_nobody_from_theirs() -> None:
    fair, done, gate = FairThread("test"), list[str](), threading.Event()
    first = asyncio.create_task(fair.run("a", gate.wait))
    await asyncio.sleep(0)
    gone, failing, last = [(await begun(fair, source, [source], done))[0] for source in ("b", "c", "d")]
    wrong = asyncio.create_task(fair.run("c", partial(int, "x")))
    await asyncio.sleep(0)
    gone.cancel()
    gate.set()
    with pytest.raises(ValueError, match="invalid literal"):
        await wrong
    await asyncio.gather(first, failing, last)
    assert done == ["c", "d"]
    assert await fair.run("b", partial(int, "7")) == 7
    fair.close()


async def test_who_is_called_and_has_left_passes_the_turn_on() -> None:
    fair, done = FairThread("test"), list[str]()
    async with fair.turn("a"):
        (gone,) = await begun(fair, "b", ["b"], done)
        (last,) = await begun(fair, "c", ["c"], done)
    gone.cancel()  # called a moment ago
    await last
    assert done == ["c"]
    fair.close()
