"""Offsets without a record, as aiokafka meets them in what it fetched."""

from __future__ import annotations

import struct

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from streams.kafka.empty_offsets import EMPTY, MAX_RUNS, EmptyOffsets, WatchedRecords
from streams.kafka.record_batches import Batches, tolerate_strangers

CONTROL = 0x30  # of a transaction, and no data
ATTRIBUTES_AT = 21


def batch(base: int, count: int, attributes: int = 0) -> bytes:
    """Return a batch of some records, whose first has an offset."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 1 << 20)
    for offset in range(count):
        builder.append(offset, 1_790_000_000_000, b"k", b"v", [])
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, base)
    struct.pack_into(">h", data, ATTRIBUTES_AT, attributes)
    return bytes(data)


def read(topic: str, fetched: bytes, start: int) -> list[int]:
    """Return the offsets that a consumer is given of what it fetched."""
    records = WatchedRecords(TopicPartition(topic, 0), Batches(fetched), [], start, None, None, check_crcs=False, isolation_level=0)
    return [record.offset for record in records]


def test_the_end_of_a_transaction_behind_the_last_record_is_no_record() -> None:
    assert read("two records", batch(0, 2) + batch(2, 1, CONTROL), 0) == [0, 1]
    assert EMPTY.behind("two records", 0, 2) == 3
    assert [EMPTY.behind("two records", 0, offset) for offset in (0, 1, 3)] == [0, 1, 3]


def test_ends_that_come_one_by_one_are_one_run() -> None:
    assert read("one by one", batch(0, 1, CONTROL), 0) == read("one by one", batch(1, 1, CONTROL), 1) == []
    assert EMPTY.behind("one by one", 0, 0) == 2


def test_ends_between_records_are_known_too() -> None:
    fetched = batch(0, 1, CONTROL) + batch(1, 1) + batch(2, 1, CONTROL) + batch(3, 1)
    assert read("between", fetched, 0) == [1, 3]
    assert [EMPTY.behind("between", 0, offset) for offset in range(5)] == [1, 1, 3, 3, 4]


def test_of_many_runs_the_newest_are_kept() -> None:
    empty = EmptyOffsets()
    for number in range(MAX_RUNS + 1):
        empty.add("t", 0, 2 * number, 2 * number + 1)
    assert (empty.behind("t", 0, 0), empty.behind("t", 0, 2)) == (0, 3)


def test_a_fetch_of_which_a_part_is_taken_says_nothing_yet() -> None:
    fetched = Batches(batch(0, 2) + batch(2, 1, CONTROL))
    records = WatchedRecords(TopicPartition("a part", 0), fetched, [], 0, None, None, check_crcs=False, isolation_level=0)
    assert next(records).offset == 0
    assert EMPTY.behind("a part", 0, 2) == 2


def test_a_run_of_another_partition_or_before_is_another_run() -> None:
    empty = EmptyOffsets()
    empty.add("t", 0, 5, 7)
    empty.add("t", 1, 1, 2)
    assert (empty.behind("t", 0, 5), empty.behind("t", 1, 5)) == (7, 5)
    empty.add("t", 0, 20, 21)
    assert (empty.behind("t", 0, 5), empty.behind("t", 0, 20)) == (7, 21)


def test_every_consumer_of_a_process_that_reads_strangers_records_writes_them_down() -> None:
    tolerate_strangers()
    assert fetcher.PartitionRecords is WatchedRecords
