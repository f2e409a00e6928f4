"""Checksums of record batches: the same in C as in Python, and quick enough for what `collect` sends."""

from __future__ import annotations

import time

from kafka.record import default_records
from kafka.record._crc32c import crc
from kafka.record.default_records import DefaultRecordBatchBuilder

from streams.core.record_checksums import compute_in_c
from streams.core.settings import Settings
from streams.schema import topics

MEGABYTE = bytes(range(256)) * 4096


def test_both_compute_the_same() -> None:
    compute_in_c()
    for data in (b"", b"123456789", MEGABYTE):
        assert default_records.calc_crc32c(memoryview(data)) == crc(data)
    assert default_records.calc_crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C


def test_whoever_asks_for_the_options_of_a_client_gets_batches_of_a_megabyte_in_milliseconds() -> None:
    default_records.calc_crc32c = crc
    topics.client_options(Settings(mode="local"))
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 2 << 20)
    builder.append(0, 1_790_000_000_000, None, MEGABYTE, [])
    began = time.process_time()
    builder.build()
    assert time.process_time() - began < 0.03  # in Python 0.1 s and more
