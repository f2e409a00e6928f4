from __future__ import annotations

import pytest
from clickhouse_driver.streams.compressed import CompressedBlockInputStream
from hypothesis import given
from hypothesis import strategies as st

from streams.devserver.frames import compress, read_frame
from streams.devserver.wire import ProtocolError, Reader


@given(st.binary(min_size=1))
def test_what_was_compressed_is_read(data: bytes) -> None:
    assert read_frame(Reader.over(compress(data))) == data


def test_large_data_become_frames_of_a_mebibyte() -> None:
    reader = Reader.over(compress(b"x" * 2_500_000))
    assert [len(read_frame(reader)) for _ in range(3)] == [1 << 20, 1 << 20, 2_500_000 - (2 << 20)]
    assert reader.buffered == 0


def test_one_wrong_bit_is_noticed() -> None:
    framed = bytearray(compress(b"some words"))
    framed[-1] ^= 1
    with pytest.raises(ProtocolError, match="checksum"):
        read_frame(Reader.over(bytes(framed)))


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
