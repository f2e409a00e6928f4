"""A backlog that need not wait is applied block by block; a partition that stays goes on with its stage, and one that comes is loaded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest
from faust.types import TP

from streams.core.settings import Settings
from streams.schema import topics
from streams.schema.signatures import Signatures
from streams.stages.stage import Message
from streams.testing.counting import CountingStage
from streams.worker.agents import accounts, groups
from streams.worker.engine import Engine, Inputs
from streams.worker.pace import MARK, Mark, Pace, Slowest
from streams.worker.partition import Partition
from streams.worker.table import ChunkTable, StoredArchive
from tests.streams.worker.conftest import LogTable, MakeTable

START = 1_800_000_000.0


class TimedCounts(CountingStage):
    """Counts blocks whose events all happened at START, and notes what was applied in which turn of the loop."""

    newest = START

    def __init__(self, partition: int, applied: list[tuple[int, int]]) -> None:
        super().__init__(4, partition=partition)
        self.number, self._applied = partition, applied

    def reach(self, value: bytes) -> float:
        return START + float(value[1:-1] or 0)

    def apply(self, value: bytes, offset: int) -> list[Message]:
        self._applied.append((self.number, offset))
        return super().apply(value if b'"' in value else value.replace(b"[", b'["').replace(b"]", b'"]'), offset)


class HereEngine(Engine):
    """An engine whose messages go into a list."""

    def __init__(self, table: ChunkTable, inputs: Inputs) -> None:
        signatures = Signatures.of(Settings.model_validate({"mode": "local", "signing_key": "only-for-this-test"}), "worker", "analyst")
        super().__init__(
            cast("faust.App", table.app), table, inputs, lambda number, _archive: TimedCounts(number, []), 60.0, 5.0, signatures
        )
        self._count, self._generation, self.sent = 2, 1, list[Message]()

    async def _send(self, message: Message) -> asyncio.Future[Any]:
        self.sent.append(message)
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def own(self, number: int, stage: TimedCounts) -> Partition:
        """Own one partition more."""
        partition = Partition(TP(self.inputs.topic, number), stage, StoredArchive(self._table, number), 60.0)
        partition.slowest = Slowest(self._count)
        self.partitions[number] = partition
        return partition

    def marks(self, topic: str) -> list[tuple[int, float | None]]:
        """Return the partition and the time of every mark that was sent."""
        return [(message.partition, Mark.decode(message.value).time) for message in self.sent if message.topic == topic]


MakeEngine = Callable[[Inputs], HereEngine]
PLACE = TP(topics.REQUESTS, 0)


class Broker:
    """The consumer of an app: what was committed, and where topics end."""

    def __init__(self) -> None:
        self.committed: dict[TP, int] = {}

    def highwater(self, _place: TP) -> int:
        return 1_000

    async def highwaters(self, *places: TP) -> dict[TP, int]:
        return dict.fromkeys(places, 1_000)

    async def seek_to_committed(self) -> dict[TP, int]:
        return self.committed

    async def force_commit(self) -> None:
        """Commit what was acknowledged."""

    def ack(self, record: Any) -> bool:
        self.committed[record.tp] = record.offset + 1
        return True


@pytest.fixture
def make_engine(make_table: MakeTable, monkeypatch: pytest.MonkeyPatch) -> MakeEngine:
    """Make the engines of several workers, each of which is given partition 0 whenever it loads."""
    broker = Broker()

    def make(inputs: Inputs) -> HereEngine:
        table = make_table()
        monkeypatch.setattr(table.app, "consumer", broker)
        monkeypatch.setattr(table.app, "consumer_generation_id", 1)
        monkeypatch.setattr(table.app, "assignor", SimpleNamespace(assigned_actives=lambda: {PLACE}))
        return HereEngine(table, inputs)

    return make


async def load(engine: HereEngine) -> TimedCounts:
    """Let an engine load partition 0, behind a recovery of its table, and return its stage."""
    cast("LogTable", engine._table).catch_up()
    await engine.load()
    return cast("TimedCounts", engine.partitions[0].stage)


async def count_block(engine: HereEngine, offset: int) -> None:
    engine.partitions[0].apply(b'["ada"]', offset)
    await engine.checkpoint(everything=True)


def a_record(partition: int, offset: int, reach: int = 0) -> Any:
    return SimpleNamespace(
        topic=topics.REQUESTS, partition=partition, offset=offset, key=None, value=b"[%d]" % reach, headers=(), timestamp=START + 1e6
    )


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - it is a turn of the loop that it waits for
        await asyncio.sleep(0)


async def test_between_two_blocks_of_a_backlog_the_loop_turns_and_feedback_is_noted(make_engine: MakeEngine) -> None:
    engine, applied, turns = make_engine(accounts.INPUTS), list[tuple[int, int]](), list[int]()
    partition = engine.own(0, TimedCounts(0, applied))
    partition.pace = pace = Pace(1, START, 0.0, 5.0)
    for offset in range(50):
        pace.add(a_record(0, offset), START)
    await engine._report_reach(partition, pace)

    async def look() -> None:
        while len(applied) < 50:
            turns.append(len(applied))
            async with engine._applying:  # as feedback does
                pace.record_mark(Mark(0, START))
            await asyncio.sleep(0)

    await asyncio.gather(look(), until(lambda: len(applied) == 50))
    assert [offset for _, offset in applied] == list(range(50))
    assert len(set(turns)) >= 40, "feedback came between nearly all of them"


async def test_of_several_partitions_the_earliest_block_is_applied_first(make_engine: MakeEngine) -> None:
    engine, applied = make_engine(accounts.INPUTS), list[tuple[int, int]]()
    for number, reaches in enumerate([(1, 4, 5), (2, 3, 6)]):
        partition = engine.own(number, TimedCounts(number, applied))
        partition.pace = Pace(1, START, 0.0, 5.0)
        for offset, reach in enumerate(reaches):
            partition.pace.add(a_record(number, offset), START + reach)
    await engine._report_reach(engine.partitions[0], engine.partitions[0].pace or Pace(1, 0.0, 0.0, 5.0))
    await until(lambda: len(applied) == 6)
    assert applied == [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2)]


async def test_a_mark_is_answered_to_all_when_the_slowest_moves_and_else_to_its_sender(make_engine: MakeEngine) -> None:
    engine = make_engine(groups.INPUTS)
    partition = engine.own(1, TimedCounts(1, []))
    await engine._answer(partition, Mark(0, 5.0))
    assert engine.sent == [], "of the other partition nothing is known"
    await engine._answer(partition, Mark(1, 7.0))
    assert engine.marks(topics.FEEDBACK) == [(0, 5.0), (1, 5.0)]
    await engine._answer(partition, Mark(1, 7.0))
    assert engine.marks(topics.FEEDBACK)[2:] == [(1, 5.0)], "it may have been restarted"
    await engine._answer(partition, Mark(7, 1.0))
    assert len(engine.sent) == 3, "there is no partition 7"
    assert {message.key for message in engine.sent} == {MARK}


async def test_a_partition_that_nobody_had_meanwhile_goes_on_with_the_stage_that_it_had(make_engine: MakeEngine) -> None:
    engine = make_engine(Inputs("accounts", topics.REQUESTS))
    stage = await load(engine)
    await count_block(engine, 0)
    await engine.leave()
    assert engine.partitions == {}
    assert await load(engine) is stage
    assert (engine.partitions[0].complete_to, engine.partitions[0].read_from) == (0, 1)


async def test_a_partition_that_another_worker_had_meanwhile_is_loaded_with_what_that_one_counted(make_engine: MakeEngine) -> None:
    one, two = (make_engine(Inputs("accounts", topics.REQUESTS)) for _ in range(2))
    stage = await load(one)
    await count_block(one, 0)
    await one.leave()
    await load(two)
    await count_block(two, 1)
    await two.leave()
    assert (back := await load(one)) is not stage
    assert (stage.counts(), back.counts()) == ({"ada": 1}, {"ada": 2})
