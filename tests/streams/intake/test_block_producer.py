"""Blocks and dead letters reach a real broker, or come back."""

from __future__ import annotations

import gzip
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.core.errors import BrokerUnavailableError, FuseBlownError
from streams.core.settings import Settings
from streams.intake.block_producer import BlockProducer, send_files, send_stream
from streams.intake.collector import Collector, OutgoingBlock
from streams.schema import topics
from streams.schema.blocks import decode
from streams.schema.layouts import REQUESTS
from streams.testing.builders import embedded_broker, event_ids_of, records_of

MARKER = b"xylophone quokka manifesto"


def line(number: int, time: float = 1_790_000_000.0, **changes: Any) -> bytes:
    return json.dumps({"timestamp": time + number, "event.id": f"e{number}", "account.id": f"a{number % 9}", **changes}).encode()


@pytest.fixture
def settings() -> Iterator[Settings]:
    """Settings of a broker of its own, with all topics: a test then sees only what it sent."""
    with embedded_broker() as bootstrap:
        found = Settings(mode="local", kafka=bootstrap, partitions=2)
        topics.ensure(found)
        yield found


def event_ids(settings: Settings) -> list[str]:
    return sorted(event_id or "" for event_id in event_ids_of(settings.kafka))


def test_a_file_arrives_whole_each_account_in_its_partition(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join([line(number, prompt=MARKER.decode()) for number in range(100)] + [b"wrong " + MARKER])))
    assert send_files([path], settings) == {"accepted": 100, "not_json": 1}
    blocks, (letter,) = records_of(settings.kafka, topics.REQUESTS), records_of(settings.kafka, topics.DEAD_LETTERS)
    found = [(each, block.partition) for block in blocks for each in decode(block.value, REQUESTS).batch.to_pylist()]
    assert sorted(row["event_id"] for row, _ in found) == sorted(f"e{number}" for number in range(100))
    assert all(topics.partition_of(row["account_id"], 2) == partition for row, partition in found)
    assert {tuple(block.headers) for block in blocks} == {(("source", b"file"),)}
    assert dict(letter.headers)["reason"] == b"not_json"
    assert dict(letter.headers)["position"] == b"101"
    assert all(MARKER not in record.value for record in [*blocks, letter])


def test_a_live_stream_arrives_and_an_old_line_in_it_does_not(settings: Settings) -> None:
    now = time.time()
    stream = io.BufferedReader(io.BytesIO(b"\n".join([line(0, now), line(1, now - 2 * 86_400)])))
    assert send_stream(stream, settings) == {"accepted": 1, "time_skew": 1}
    assert event_ids(settings) == ["e0"]


def test_an_old_stream_arrives_as_backfill(settings: Settings) -> None:
    stream = io.BufferedReader(io.BytesIO(b"\n".join([line(0), line(1)])))
    assert send_stream(stream, settings, backfill=True) == {"accepted": 2}


def test_a_blown_fuse_delivers_what_was_good(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join([line(0), *[b"wrong"] * 3000]))
    with pytest.raises(FuseBlownError):
        send_files([path], settings)
    assert event_ids(settings) == ["e0"]
    assert len(records_of(settings.kafka, topics.DEAD_LETTERS)) == 1000


def test_without_a_broker_blocks_come_back_and_a_command_says_so(tmp_path: Path) -> None:
    away = Settings(mode="local", kafka="127.0.0.1:1")
    path = tmp_path / "events.jsonl"
    path.write_bytes(line(0))
    block = OutgoingBlock(0, b"x", 1)
    with BlockProducer(away, "http", timeout=0.3) as shipper:
        assert shipper.deliver([block]) == [block]
        with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1 accepts no blocks"):
            shipper.insist([block])


def test_a_broker_that_comes_back_takes_what_it_missed() -> None:
    from streams.devserver.broker import EmbeddedBroker  # noqa: PLC0415  (only here is it stopped and started)

    broker = EmbeddedBroker()
    with broker:
        settings = Settings(mode="local", kafka=broker.bootstrap, partitions=1)
        topics.ensure(settings)
        collector = Collector(settings)
        shipper = BlockProducer(settings, "http", timeout=0.5)
        collector.add([line(0)], "test", 1_790_000_000.0)
        assert shipper.deliver(collector.flush()) == []
    collector.add([line(1)], "test", 1_790_000_000.0)
    lost = shipper.deliver(collector.flush())
    assert len(lost) == 1
    with EmbeddedBroker(int(settings.kafka.rpartition(":")[2])):
        topics.ensure(settings)
        assert shipper.deliver(lost) == []
        shipper.close()
        assert event_ids(settings) == ["e1"]  # this broker keeps nothing over a restart
