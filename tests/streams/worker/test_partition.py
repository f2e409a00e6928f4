"""One partition at work: order of messages, chunks, archive and acknowledgement."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from faust.types import TP

from streams.core.errors import BlockLayoutError, MalformedEventError
from streams.schema import topics
from streams.stages.stage import Message
from streams.testing.counting import CountingStage
from streams.worker.partition import Gathered, Partition
from streams.worker.table import ChunkTable, StoredArchive

PLACE = TP(topics.REQUESTS, 2)


class Sent:
    """A producer whose confirmations the test gives."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.futures: list[asyncio.Future[Any]] = []

    async def __call__(self, message: Message) -> asyncio.Future[Any]:
        self.messages.append(message)
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]


def a_partition(table: ChunkTable) -> Partition:
    return Partition(PLACE, CountingStage(4, topics.SCORES, 2), StoredArchive(table, 2), 60.0)


def a_block(*keys: str) -> bytes:
    return json.dumps(keys).encode()


async def test_a_block_is_acknowledged_when_its_chunks_are_written_and_its_messages_confirmed(table: ChunkTable) -> None:
    partition, sent = a_partition(table), Sent()
    await partition.send(partition.apply(a_block("a"), 5), sent)
    chunks = list(partition.stage.dirty())
    records = partition.freeze(chunks)
    assert partition.acknowledge() == []
    partition.written(chunks, records)
    assert partition.acknowledge() == []
    sent.futures[0].set_result(None)
    assert partition.acknowledge() == [5]


async def test_a_partition_is_durable_once_its_chunks_are_written_and_its_messages_confirmed(table: ChunkTable) -> None:
    partition, sent = a_partition(table), Sent()
    assert partition.is_durable()
    await partition.send(partition.apply(a_block("a"), 5), sent)
    assert not partition.is_durable()
    chunks = list(partition.stage.dirty())
    partition.written(chunks, partition.freeze(chunks))
    assert not partition.is_durable(), "Kafka has not confirmed its message"
    sent.futures[0].set_result(None)
    assert partition.is_durable()


class GatheringCounts(CountingStage):
    """Counts several blocks at once."""

    def read(self, value: bytes) -> Any:
        if value == b"secret prompt":
            raise BlockLayoutError("not a block")
        return value

    def apply_blocks(self, gathered: Sequence[tuple[Any, int]]) -> list[Message]:
        assert len(gathered) > 1, "they were gathered"
        return [message for value, offset in gathered for message in self.apply(value, offset)]


async def test_of_gathered_blocks_one_that_cannot_be_read_is_set_aside_and_the_others_count(table: ChunkTable) -> None:
    partition, sent = Partition(PLACE, GatheringCounts(4, topics.SCORES, 2), StoredArchive(table, 2), 60.0), Sent()
    arrivals = [Gathered(a_block("a"), 5), Gathered(b"secret prompt", 6), Gathered(a_block("a", "b"), 7)]
    await partition.send(partition.apply_gathered(arrivals), sent)
    assert [message.topic for message in sent.messages].count(topics.DEAD_LETTERS) == 1
    assert partition.position == 7
    chunks = list(partition.stage.dirty())
    partition.written(chunks, partition.freeze(chunks))
    assert partition.acknowledge() == [], "no message of the first of them is confirmed yet"
    for future in sent.futures:
        future.set_result(None)
    assert partition.acknowledge() == [5, 6, 7]


@pytest.mark.parametrize(("blocks", "size", "enough"), [(3, 1 << 20, False), (4, 1 << 20, True), (255, 0, False), (256, 0, True)])
def test_a_backlog_is_applied_before_it_fills_memory(table: ChunkTable, blocks: int, size: int, *, enough: bool) -> None:
    partition = Partition(PLACE, GatheringCounts(4, topics.SCORES, 2), StoredArchive(table, 2), 60.0)
    partition.gathered = [Gathered(b"x" * size, offset) for offset in range(blocks)]
    assert partition.has_gathered_enough is enough


async def test_a_block_of_another_layout_goes_to_the_dead_letters_without_its_bytes(table: ChunkTable) -> None:
    partition, sent = a_partition(table), Sent()
    await partition.send(partition.apply(b"secret prompt", 5), sent)
    [letter] = sent.messages
    assert (letter.topic, letter.value) == (topics.DEAD_LETTERS, b"")
    headers = dict(letter.headers)
    assert (headers["reason"], headers["source"], headers["position"]) == (b"block_layout", b"requests", b"2/5")
    assert b"secret" not in headers["detail"]
    assert partition.acknowledge() == []
    sent.futures[0].set_result(None)
    assert partition.acknowledge() == [5]


async def test_a_record_of_the_second_input_waits_for_every_chunk_changed_before_it(table: ChunkTable) -> None:
    partition, sent = a_partition(table), Sent()
    partition.apply(a_block("a"), 5)
    chunks = list(partition.stage.dirty())
    before = partition.freeze(chunks)
    partition.apply(a_block("a"), 6)
    await partition.send(partition.apply_feedback(topics.FEEDBACK, b"x", 0), sent)
    partition.hold_feedback(0)
    partition.written(chunks, before)
    assert partition.acknowledge_feedback() == []
    after = partition.freeze(chunks)
    partition.written(chunks, after)
    assert partition.acknowledge_feedback() == [0]


async def test_an_unreadable_record_of_the_second_input_goes_to_the_dead_letters(table: ChunkTable) -> None:
    [letter] = a_partition(table).apply_feedback(topics.FEEDBACK, b"", 9)
    detail = b"record 9 of feedback has no value"
    assert dict(letter.headers) == {"reason": b"empty", "detail": detail, "source": b"feedback", "position": b"2/9"}


async def test_a_record_that_is_refused_changes_nothing_and_is_a_dead_letter_of_its_reason(table: ChunkTable) -> None:
    partition, refusal = a_partition(table), MalformedEventError("unsigned", "it carries no signature")
    letters = partition.apply(a_block("a"), 5, refusal) + partition.apply_feedback(topics.FEEDBACK, b"x", 9, refusal)
    assert [dict(letter.headers)["reason"] for letter in letters] == [b"unsigned", b"unsigned"]
    assert (partition.stage.dirty(), partition.position, partition.rejected) == ({}, 5, 2)


async def test_the_archive_is_written_before_the_chunks_that_no_longer_hold_it(table: ChunkTable) -> None:
    partition = a_partition(table)
    partition.apply(a_block("a"), 5)
    partition.archive["idle"] = b"columns"
    [first, *rest] = partition.freeze(list(partition.stage.dirty()))
    assert first == ("archive/idle", b"columns")
    assert [name.partition("/")[0] for name, _ in rest] == ["chunk"]
    partition.written([], [first])
    assert partition.archive.pending() == []
