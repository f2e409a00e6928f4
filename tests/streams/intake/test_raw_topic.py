"""Events that a gateway already wrote to Kafka."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.core.settings import Settings
from streams.devserver.broker import EmbeddedBroker
from streams.intake.block_producer import BlockProducer
from streams.intake.collector import Collector
from streams.intake.formats.registry import AUTO
from streams.intake.raw_topic import MIN_FETCH_BYTES, MIN_PROBE_RECORDS, _options, _RawTopic, consume
from streams.schema import topics
from streams.schema.blocks import decode
from streams.schema.layouts import REQUESTS
from streams.telemetry.metrics import METRICS, Metric


@pytest.fixture
def settings() -> Iterator[Settings]:
    with EmbeddedBroker() as broker:
        found = Settings(mode="local", kafka=broker.bootstrap, partitions=1)
        topics.ensure(found)
        yield found


def line(number: int) -> bytes:
    return json.dumps({"timestamp": time.time(), "event.id": f"e{number}", "account.id": "a1"}).encode()


async def write(settings: Settings, values: list[bytes | None]) -> None:
    """Write these as one batch, which no broker parts."""
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka, linger_ms=500) as producer:
        await asyncio.gather(*[await producer.send(topics.REQUESTS_RAW, value, key=b"k") for value in values])


async def wait_for(settings: Settings, topic: str, count: int) -> list[Any]:
    """Return the records of a topic once there are so many; a block counts as its events."""
    async with AIOKafkaConsumer(bootstrap_servers=settings.kafka) as consumer:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        found: list[Any] = []
        async with asyncio.timeout(60):
            while len(found) < count:
                batch = await consumer.getmany(timeout_ms=500)
                for record in (each for records in batch.values() for each in records):
                    found += decode(record.value, REQUESTS).texts("event_id") if topic == topics.REQUESTS else [record]
    return found


async def committed(settings: Settings) -> int | None:
    """Return the offset that collect's group has acknowledged."""
    async with AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, group_id=topics.group_of(topics.COLLECT), enable_auto_commit=False
    ) as reader:
        found: int | None = await reader.committed(TopicPartition(topics.REQUESTS_RAW, 0))
    return found


async def test_records_become_blocks_and_are_acknowledged_after(settings: Settings) -> None:
    first = line(1)
    await write(settings, [first, b"wrong", None, line(2), first])
    task = asyncio.create_task(consume(settings))
    try:
        assert await wait_for(settings, topics.REQUESTS, 2) == ["e1", "e2"]
        letters = await wait_for(settings, topics.DEAD_LETTERS, 2)
        assert [dict(each.headers)["position"] for each in letters] == [b"0/1", b"0/2"]
        await write(settings, [line(3)])
        assert await wait_for(settings, topics.REQUESTS, 3) == ["e1", "e2", "e3"]
        await asyncio.sleep(0.5)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert await committed(settings) == 6


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_records_of_every_codec_with_whatever_headers_and_without_values_are_read(settings: Settings, codec: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka, compression_type=codec) as producer:
        headers = [("", b""), ("trace", b"\xff" * 500), ("trace", b"twice")]
        values = [(line(1), headers), (None, headers), (b"", None), (line(2), None)]
        sent = [await producer.send(topics.REQUESTS_RAW, value, key=b"k", headers=more) for value, more in values]
        await asyncio.gather(*sent)
    task = asyncio.create_task(consume(settings))
    try:
        assert await wait_for(settings, topics.REQUESTS, 2) == ["e1", "e2"]
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_blown_fuse_pauses_the_topic_acknowledges_nothing_of_its_batch_and_tries_again_by_itself(settings: Settings) -> None:
    wrong = Settings(mode="local", kafka=settings.kafka, partitions=1, fuse_run=3)
    await write(settings, [line(1), b"wrong", b"wrong", b"wrong", line(2)])
    task = asyncio.create_task(consume(wrong, pause_seconds=0.2))
    try:
        assert len(await wait_for(settings, topics.DEAD_LETTERS, 3)) == 3
        await asyncio.sleep(1)
        assert not task.done()
        assert METRICS.value(Metric.FUSE_BLOWN) == 1.0
        assert await committed(settings) is None
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    skips = Settings(mode="local", kafka=settings.kafka, partitions=1, fuse_run=3, fuse_skip=True)
    task = asyncio.create_task(consume(skips))
    try:
        assert await wait_for(settings, topics.REQUESTS, 2) == ["e1", "e2"]
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_topic_whose_partitions_went_to_another_collect_is_not_judged_and_no_record_is_passed_over(settings: Settings) -> None:
    await write(settings, [line(number) for number in range(MIN_PROBE_RECORDS)])
    async with AIOKafkaConsumer(bootstrap_servers=settings.kafka) as consumer:
        mine = TopicPartition(topics.REQUESTS_RAW, 0)
        consumer.assign([mine])
        await consumer.seek_to_beginning(mine)
        gone = {TopicPartition(topics.REQUESTS_RAW, 7): 0}
        collector = Collector(settings, AUTO)
        with BlockProducer(settings, topics.REQUESTS_RAW) as producer:
            topic = _RawTopic(settings, consumer, collector, producer, lambda: collector, stood=gone)
            assert not await topic.is_readable_since()
        assert await consumer.position(mine) == 0


async def test_a_poisoned_topic_goes_on_by_itself_once_what_comes_behind_can_be_read(settings: Settings) -> None:
    strict = Settings(mode="local", kafka=settings.kafka, partitions=1, fuse_run=3)
    await write(settings, [line(1), *[b"wrong"] * 5])
    task = asyncio.create_task(consume(strict, pause_seconds=0.2))
    try:
        assert len(await wait_for(settings, topics.DEAD_LETTERS, 3)) == 3
        await write(settings, [line(number) for number in range(2, 2 + MIN_PROBE_RECORDS)])
        assert await wait_for(settings, topics.REQUESTS, 1 + MIN_PROBE_RECORDS) == [
            f"e{1 + number}" for number in range(1 + MIN_PROBE_RECORDS)
        ]
        assert len(await wait_for(settings, topics.DEAD_LETTERS, 8)) == 8, "three when the fuse blew, all five when they were set aside"
        await write(settings, [b"wrong"] * 4)
        assert len(await wait_for(settings, topics.DEAD_LETTERS, 11)) == 11, "the fuse works on behind them"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert await committed(settings) == 6 + MIN_PROBE_RECORDS


def test_the_broker_gathers_events_for_as_long_as_a_block_may_wait() -> None:
    options = _options(Settings(mode="local", block_seconds=0.25))
    assert options["fetch_max_wait_ms"] == 250
    assert options["fetch_min_bytes"] == MIN_FETCH_BYTES
    assert 500 * len(line(0)) < MIN_FETCH_BYTES, "it answers earlier only when hundreds of events are there"
