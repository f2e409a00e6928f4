"""Lines from files and streams, whatever their compression and however long."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
import lzma
import os
import zipfile
from pathlib import Path

import pytest
import zstandard

from streams.core.errors import SettingsError
from streams.intake.files import Chunk, UnreadableInputError, chunks_of, live_chunks, named_files
from streams.schema.event import MAX_READ_BYTES

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
        gzip.compress(gzip.compress(TEXT)),
        gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]),
        ZSTD.compress(TEXT[:100]) + ZSTD.compress(TEXT[100:]),
        lzma.compress(TEXT),
        bz2.compress(TEXT),
        codecs.BOM_UTF8 + TEXT,
        TEXT.decode().encode("utf-16"),
        gzip.compress(codecs.BOM_UTF16_BE + TEXT.decode().encode("utf-16-be")),
    ],
    ids=["plain", "gzip", "zstd", "gzip in gzip", "gzip twice", "zstd twice", "xz", "bzip2", "byte order mark", "utf-16", "utf-16 in gzip"],
)
def test_the_first_bytes_tell_compression_and_encoding(tmp_path: Path, data: bytes) -> None:
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


def test_a_zip_archive_is_named_with_what_to_do(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "input", "w") as archive:
        archive.writestr("log.jsonl", TEXT)
    with pytest.raises(UnreadableInputError, match="unzip -p FILE"):
        list(chunks_of(tmp_path / "input"))


def test_an_array_over_many_lines_is_its_values(tmp_path: Path) -> None:
    text = json.dumps([{"n": number} for number in range(3)], indent=2).encode()
    assert [json.loads(value) for value in lines_in(list(chunks_of(written(tmp_path, text))))] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_a_line_of_twenty_megabytes_is_never_held_whole(tmp_path: Path) -> None:
    chunks = list(chunks_of(written(tmp_path, b"a\n" + b"x" * 20_000_000 + b"\nb\n")))
    assert [len(line) for line in lines_in(chunks)] == [1, MAX_READ_BYTES + 1, 1]


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


def test_a_folder_is_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("2026/11/29/b.json.gz", "2026/11/29/a.json.gz", "2026/11/28/z.json", ".tmp/half.json", "2026/.a.json.swp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    alone = tmp_path / "2026/11/28/z.json"
    names = ["2026/11/28/z.json", "2026/11/29/a.json.gz", "2026/11/29/b.json.gz"]
    assert named_files([alone, tmp_path]) == [alone, *(tmp_path / name for name in names)]


def test_a_folder_without_files_is_an_error_that_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no file: name a folder of logs, or the files themselves"):
        named_files([tmp_path])
