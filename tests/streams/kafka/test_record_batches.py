"""Batches of records as strangers write them, with aiokafka's own reader as the yardstick."""

from __future__ import annotations

import gzip
from typing import Any

import cramjam
import lz4.frame  # type: ignore[import-untyped]
import pytest
import zstandard
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.record_batches import _HEAD, Batch, Batches, SynchronousBatches, UnreadableBatchError, unpacked

PACK = {1: gzip.compress, 2: lambda data: bytes(cramjam.snappy.compress_raw(data)), 3: lz4.frame.compress, 4: zstandard.compress}


def batch(*values: bytes | None, codec: int = 0, headers: tuple[tuple[str, bytes | None], ...] = (("name", b"value"),)) -> bytes:
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, 0, 1 << 20)
    for offset, value in enumerate(values):
        builder.append(offset, 1_790_000_000_000, b"key", value, list(headers))
    return bytes(builder.build())


def packed(content: bytes, codec: int) -> bytes:
    """Return a batch with the head of a good one and any content."""
    head = list(_HEAD.unpack_from(batch(b"one")))
    head[1], head[5] = _HEAD.size - 12 + len(content), codec
    return _HEAD.pack(*head) + content


def told(records: Any) -> list[tuple[Any, ...]]:
    return [(each.offset, each.timestamp, each.key, each.value, tuple(each.headers)) for each in records]


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_every_codec_a_tombstone_and_an_empty_value_are_read_as_aiokafka_reads_them(codec: int) -> None:
    data = batch(b"one", None, b"", b"x" * 100_000, codec=codec)
    assert told(Batch(data)) == told(DefaultRecordBatch(data))
    assert [value for *_, value, _ in told(Batch(data))] == [b"one", None, b"", b"x" * 100_000]


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_a_name_that_is_no_utf_8_is_read_with_question_marks_and_its_neighbours_stay(codec: int) -> None:
    plain = batch(b"one", b"two", headers=(("name", b"value"), ("nämé", None)))
    broken = plain.replace("nämé".encode(), b"n\xff\xfem\xc3\x28")
    data = packed(PACK[codec](broken[_HEAD.size :]), codec) if codec else broken
    data = _HEAD.pack(*_HEAD.unpack_from(data)[:-1], 2) + data[_HEAD.size :]
    assert [(value, headers) for *_, value, headers in told(Batch(data))] == [
        (b"one", (("name", b"value"), ("n??m?(", None))),
        (b"two", (("name", b"value"), ("n??m?(", None))),
    ]


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_what_would_unpack_to_more_than_the_bound_is_one_record_without_a_value(codec: int) -> None:
    bomb = packed(PACK[codec](bytes(2_000_000)), codec)
    with pytest.raises(UnreadableBatchError):
        unpacked(bomb, most=1_999_999)
    assert len(unpacked(bomb, most=2_000_000)) == _HEAD.size + 2_000_000


@pytest.mark.parametrize("codec", [1, 2, 3, 4, 5, 6, 7])
@given(st.binary(max_size=60))
def test_a_batch_that_is_damaged_is_one_record_without_a_value(codec: int, content: bytes) -> None:
    (record,) = told(Batch(packed(content, codec)))
    assert record[0] == 0
    assert record[3] is None


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_kafka_python_reads_them_as_well(codec: int) -> None:
    plain = batch(b"one", None, headers=(("nämé", b"value"),))
    broken = plain.replace("nämé".encode(), b"n\xff\xfem\xc3\x28")
    data = packed(PACK[codec](broken[_HEAD.size :]), codec) if codec else broken
    data = _HEAD.pack(*_HEAD.unpack_from(data)[:-1], 2) + data[_HEAD.size :]
    batches = SynchronousBatches(data + packed(b"nonsense", 4))
    found = []
    while batches.has_next():
        found += told(batches.next_batch())
    named = (("n??m?(", b"value"),)
    assert [(value, headers) for *_, value, headers in found] == [(b"one", named), (None, named), (None, ())]


def test_batches_follow_each_other_and_one_that_is_cut_off_waits_for_the_next_fetch() -> None:
    batches = Batches(batch(b"one") + batch(b"two", codec=4) + batch(b"three")[:-1])
    found = []
    while batches.has_next():
        found += told(batches.next_batch())
    assert [value for *_, value, _ in found] == [b"one", b"two"]
    assert batches.next_batch() is None
