"""Rows of several partitions leave together, and everything in its order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from streams.core.errors import BrokerUnavailableError
from streams.schema import layouts, topics
from streams.schema.blocks import Block
from streams.schema.folded import MAX_FOLDED_ROWS
from streams.stages.stage import Message
from streams.worker.failure import Failure
from streams.worker.joined_rows import JOIN_SECONDS, JoinedRows

HOME = 1


def rows(source: int, offset: int, count: int = 1) -> Message:
    """Rows of a partition's block for one of groups, which say where they are from."""
    numbers = {"source": source, "offset": offset, "time": 1_800_000_000.0}
    texts = {"group_id": "router:0123456789abcdef", "account_id": "ada"}
    hashes = np.zeros(count, np.uint64)

    def values(name: str, kind: str) -> Any:
        if kind == "text":
            return [texts[name]] * count
        if kind == "vector":
            width = layouts.GROUPS.widths[name]
            return np.zeros((count, width if isinstance(width, int) else 2))
        if kind in {"hash", "shingles"}:
            return np.column_stack([hashes] * 8) if kind == "shingles" else hashes
        return np.full(count, float(numbers.get(name, 0)))

    return Message(topics.GROUPS, HOME, layouts.GROUPS.block({name: values(name, kind) for name, kind in layouts.GROUPS.columns.items()}))


class Producer:
    """Notes what is sent, and confirms nothing by itself."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.confirmations: list[asyncio.Future[Any]] = []

    async def send(self, message: Message) -> asyncio.Future[Any]:
        self.sent.append(message)
        self.confirmations.append(asyncio.get_running_loop().create_future())
        return self.confirmations[-1]

    def blocks(self) -> list[list[tuple[float, float]]]:
        """Source and offset of each row of each record, nothing for a mark."""
        contents = [message.content for message in self.sent]
        return [
            list(zip(content.numbers("source").tolist(), content.numbers("offset").tolist(), strict=True))
            if isinstance(content, Block)
            else []
            for content in contents
        ]


@pytest.fixture
def producer() -> Producer:
    return Producer()


def joining(send: Callable[[Message], Awaitable[asyncio.Future[Any]]]) -> JoinedRows:
    return JoinedRows(send, Failure())


async def test_rows_of_several_partitions_are_one_record_and_are_confirmed_with_it(producer: Producer) -> None:
    together = joining(producer.send)
    promises = [await together.send(rows(source, 5), source) for source in (0, 1, 2)]
    assert producer.sent == []
    await asyncio.sleep(2 * JOIN_SECONDS)
    assert producer.blocks() == [[(0, 5), (1, 5), (2, 5)]]
    assert not any(promise.done() for promise in promises), "Kafka has not confirmed it"
    producer.confirmations[0].set_result(None)
    await asyncio.gather(*promises)


async def test_the_next_rows_of_a_partition_are_the_next_record(producer: Producer) -> None:
    together = joining(producer.send)
    for offset in (5, 6):
        await together.send(rows(0, offset), 0)
    assert producer.blocks() == [[(0, 5)]]
    await asyncio.sleep(2 * JOIN_SECONDS)
    assert producer.blocks() == [[(0, 5)], [(0, 6)]]


async def test_a_record_holds_no_more_rows_than_travel_folded(producer: Producer) -> None:
    together = joining(producer.send)
    await together.send(rows(0, 5, MAX_FOLDED_ROWS), 0)
    await together.send(rows(1, 5), 1)
    assert [len(block) for block in producer.blocks()] == [MAX_FOLDED_ROWS]
    await asyncio.sleep(2 * JOIN_SECONDS)
    assert [len(block) for block in producer.blocks()] == [MAX_FOLDED_ROWS, 1]


async def test_a_mark_leaves_at_once_behind_the_rows_before_it_and_others_are_not_kept_up(producer: Producer) -> None:
    together = joining(producer.send)
    await together.send(rows(0, 5), 0)
    await together.send(Message(topics.SCORES, HOME, b"scores"), 0)
    await together.send(Message(topics.GROUPS, HOME, b"mark"), 1)
    assert [message.topic for message in producer.sent] == [topics.SCORES, topics.GROUPS, topics.GROUPS]
    assert producer.blocks() == [[], [(0, 5)], []]


async def test_rows_that_kafka_refuses_are_an_error_of_each_partition(producer: Producer) -> None:
    together = joining(producer.send)
    promises = [await together.send(rows(source, 5), source) for source in (0, 1)]
    await asyncio.sleep(2 * JOIN_SECONDS)
    producer.confirmations[0].set_exception(BrokerUnavailableError("gone"))
    answers = await asyncio.gather(*promises, return_exceptions=True)
    assert [type(answer) for answer in answers] == [BrokerUnavailableError] * 2


async def test_rows_that_cannot_be_sent_stop_the_agent_and_are_not_waited_for() -> None:
    async def refuse(_message: Message) -> asyncio.Future[Any]:
        raise BrokerUnavailableError("gone")

    failure = Failure()
    promise = await JoinedRows(refuse, failure).send(rows(0, 5), 0)
    await asyncio.sleep(2 * JOIN_SECONDS)
    assert promise.cancelled()
    assert isinstance(failure.error, BrokerUnavailableError)
