from __future__ import annotations

import struct

import pytest
import zstandard
from clickhouse_cityhash.cityhash import CityHash128  # type: ignore[import-untyped]
from clickhouse_driver.streams.compressed import CompressedBlockInputStream
from hypothesis import given
from hypothesis import strategies as st

from streams.devserver.frames import LZ4, ZSTD, compress, read_frame
from streams.devserver.wire import ProtocolError, WireReader


@given(st.binary(min_size=1), st.sampled_from([LZ4, ZSTD]))
def test_what_was_compressed_is_read(data: bytes, method: int) -> None:
    assert read_frame(WireReader.over(compress(data, method))) == data


@pytest.mark.parametrize("payload", [zstandard.ZstdCompressor().compress(bytes(1 << 24)), b"no zstd", b""])
def test_a_zstd_frame_that_does_not_hold_its_size_is_refused(payload: bytes) -> None:
    framed = struct.pack("<BII", ZSTD, 9 + len(payload), 100) + payload
    value = CityHash128(framed)
    with pytest.raises(ProtocolError, match="unpacked"):
        read_frame(WireReader.over(struct.pack("<QQ", value >> 64, value & (1 << 64) - 1) + framed))


def test_large_data_become_frames_of_a_mebibyte() -> None:
    reader = WireReader.over(compress(b"x" * 2_500_000))
    assert [len(read_frame(reader)) for _ in range(3)] == [1 << 20, 1 << 20, 2_500_000 - (2 << 20)]
    assert reader.buffered == 0


def test_one_wrong_bit_is_noticed() -> None:
    framed = bytearray(compress(b"some words"))
    framed[-1] ^= 1
    with pytest.raises(ProtocolError, match="checksum"):
        read_frame(WireReader.over(bytes(framed)))


def test_the_driver_reads_our_frames() -> None:
    class Stream:
        def __init__(self, data: bytes) -> None:
            self.data = data

        def read(self, count: int) -> bytes:
            taken, self.data = self.data[:count], self.data[count:]
            return taken

        def read_one(self) -> int:
            return self.read(1)[0]

    reader = CompressedBlockInputStream(Stream(compress(b"some words")), None)
    assert reader.read_block() == b"some words"
