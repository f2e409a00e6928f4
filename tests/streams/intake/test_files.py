"""Lines from files and streams, whatever their compression and however long."""

from __future__ import annotations

import gzip
import io
import os
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from streams.intake.files import Chunk, Splitter, UnreadableInputError, chunks_of, live_chunks
from streams.schema.event import MAX_LINE_BYTES

LINES = [f"line {number}".encode() for number in range(2500)]
TEXT = b"\n".join(LINES) + b"\n"
ZSTD = zstandard.ZstdCompressor()


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "input"
    path.write_bytes(data)
    return path


def lines_in(chunks: list[Chunk]) -> list[bytes]:
    return [line for chunk in chunks for line in chunk.lines]


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        gzip.compress(TEXT),
        ZSTD.compress(TEXT),
        gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]),
        ZSTD.compress(TEXT[:100]) + ZSTD.compress(TEXT[100:]),
    ],
    ids=["plain", "gzip", "zstd", "two gzip members", "two zstd frames"],
)
def test_the_first_bytes_tell_the_compression(tmp_path: Path, data: bytes) -> None:
    chunks = list(chunks_of(written(tmp_path, data)))
    assert lines_in(chunks) == LINES
    assert [chunk.first for chunk in chunks] == [1, 1025, 2049]
    assert chunks[-1].done == len(data)


@pytest.mark.parametrize("data", [b"", b"\n"])
def test_an_empty_file_has_no_events(tmp_path: Path, data: bytes) -> None:
    assert not any(lines_in(list(chunks_of(written(tmp_path, data)))))


def test_the_last_line_needs_no_line_feed(tmp_path: Path) -> None:
    assert lines_in(list(chunks_of(written(tmp_path, b"a\nb")))) == [b"a", b"b"]


@pytest.mark.parametrize("packed", [gzip.compress(os.urandom(200_000)), ZSTD.compress(os.urandom(200_000))], ids=["gzip", "zstd"])
def test_a_cut_file_says_so_after_what_it_holds(tmp_path: Path, packed: bytes) -> None:
    chunks = chunks_of(written(tmp_path, packed[:100_000]))
    with pytest.raises(UnreadableInputError, match="breaks off"):
        list(chunks)


def test_a_line_of_ten_megabytes_is_never_held_whole(tmp_path: Path) -> None:
    chunks = list(chunks_of(written(tmp_path, b"a\n" + b"x" * 10_000_000 + b"\nb\n")))
    assert [len(line) for line in lines_in(chunks)] == [1, MAX_LINE_BYTES + 1, 1]


def test_an_endless_line_keeps_no_more_than_its_limit() -> None:
    splitter = Splitter()
    for _ in range(20):
        assert splitter.feed(b"x" * 1_000_000) == []
    assert [len(line) for line in splitter.finish()] == [MAX_LINE_BYTES + 1]


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_pieces_of_any_size_give_the_same_lines(pieces: list[bytes]) -> None:
    splitter = Splitter()
    found = [line for piece in pieces for line in splitter.feed(piece)] + splitter.finish()
    whole = b"".join(pieces).split(b"\n")
    assert found == (whole if whole[-1] else whole[:-1])


def test_a_live_stream_yields_lines_as_they_come_and_empty_lists_between() -> None:
    reading, writing = os.pipe()
    with io.BufferedReader(io.FileIO(reading)) as stream, io.FileIO(writing, "w") as pipe:
        chunks = live_chunks(stream, 0.05)
        pipe.write(b"four letters\nand a")
        assert next(each for each in chunks if each) == [b"four letters"]
        assert next(chunks) == []
        pipe.close()
        assert [line for each in chunks for line in each] == [b"and a"]


def test_a_live_stream_that_is_cut_says_so() -> None:
    packed = gzip.compress(os.urandom(100_000))
    with pytest.raises(UnreadableInputError):
        list(live_chunks(io.BufferedReader(io.BytesIO(packed[:50_000])), 1.0))
