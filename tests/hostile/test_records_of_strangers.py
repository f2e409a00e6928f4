"""Whatever a stranger puts onto a topic, `collect` and the workers read on: codecs, names, tombstones, transactions, bombs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaProducer

from streams.core.settings import Settings
from streams.devserver.kafka import ApacheKafka
from streams.schema import topics
from streams.testing.processes import hydrometer, wait_until_read

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

CODECS = ("gzip", "snappy", "lz4", "zstd")
BOMB_BYTES = 256 * 1024 * 1024


class Unreadable(str):
    """A name of a header that is no UTF-8 on the wire."""

    __slots__ = ()

    def encode(self, *_: object, **__: object) -> bytes:
        """Return bytes that nobody can decode."""
        return b"\xff\xfe\x80"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with ApacheKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        found = Settings(mode="local", kafka=kafka.bootstrap, partitions=1)
        topics.ensure(found)
        yield found


def line(number: int) -> bytes:
    return json.dumps({"timestamp": time.time(), "event.id": f"e{number}", "account.id": f"a{number}"}).encode()


async def attack(settings: Settings, topic: str, good: Callable[[int], bytes]) -> int:
    """Put every strange record onto a topic, each followed by a good one, and return how many good ones there are."""
    sent = 0
    producer = KafkaProducer(bootstrap_servers=settings.kafka)
    strange: list[tuple[bytes | None, list[tuple[str, bytes]]]] = [
        (b"x", [(Unreadable(), b"v")]),
        (None, []),
        (b"", []),
        (b"\xff" * 100, [("", b""), ("a" * 10_000, b"")]),
    ]
    for value, headers in strange:
        producer.send(topic, value, key=b"k", partition=0, headers=headers).get(20)
        producer.send(topic, good(sent), key=b"k", partition=0).get(20)
        sent += 1
    producer.close()
    transacting = AIOKafkaProducer(bootstrap_servers=settings.kafka, transactional_id=f"stranger-{topic}")
    await transacting.start()
    async with transacting.transaction():
        await transacting.send_and_wait(topic, good(sent), partition=0)
    await transacting.begin_transaction()
    await transacting.send_and_wait(topic, b"aborted", partition=0)
    await transacting.abort_transaction()
    async with transacting.transaction():
        await transacting.send_and_wait(topic, good(sent + 1), partition=0)
    await transacting.stop()
    sent += 2
    for codec in CODECS:
        packing = AIOKafkaProducer(bootstrap_servers=settings.kafka, compression_type=codec, max_request_size=2 * BOMB_BYTES)
        await packing.start()
        await packing.send_and_wait(topic, good(sent), partition=0)
        if codec == "zstd":
            await packing.send_and_wait(topic, bytes(BOMB_BYTES), partition=0)
        await packing.stop()
        sent += 1
    return sent


def test_collect_and_the_workers_read_on_whatever_strangers_write(settings: Settings, tmp_path: Path) -> None:
    with hydrometer("collect", "--topic", log=tmp_path / "collect", KAFKA=settings.kafka, PARTITIONS="1") as collect:
        good = asyncio.run(attack(settings, topics.REQUESTS_RAW, line))
        wait_until_read(settings, topics.COLLECT, topics.REQUESTS_RAW, running=collect)
        before = collect.peak_mb
        asyncio.run(attack(settings, topics.REQUESTS_RAW, lambda number: line(100 + number)))
        wait_until_read(settings, topics.COLLECT, topics.REQUESTS_RAW, running=collect)
        assert collect.peak_mb - before < 128, "a bomb was unpacked whole"
    assert good == 10
    block = collected(settings)
    asyncio.run(attack(settings, topics.REQUESTS, lambda _number: block))
    state = {"STATE_DIR": str(tmp_path / "state"), "CHECKPOINT_SECONDS": "1"}
    with hydrometer("worker", "accounts", log=tmp_path / "worker", KAFKA=settings.kafka, PARTITIONS="1", **state) as worker:
        wait_until_read(settings, topics.ACCOUNTS_AGENT, topics.REQUESTS, running=worker)


def collected(settings: Settings) -> bytes:
    """Return a block that `collect` made, having looked whether all 20 good events are in one."""
    from kafka import KafkaConsumer, TopicPartition  # noqa: PLC0415

    from streams.schema import blocks, layouts  # noqa: PLC0415

    consumer = KafkaConsumer(bootstrap_servers=settings.kafka, auto_offset_reset="earliest", consumer_timeout_ms=3_000)
    consumer.assign([TopicPartition(topics.REQUESTS, 0)])
    values = [record.value for record in consumer]
    consumer.close()
    accounts = {account for value in values for account in blocks.decode(value, layouts.REQUESTS).texts("account_id")}
    assert accounts == {f"a{number}" for number in (*range(10), *range(100, 110))}
    return bytes(values[0])
