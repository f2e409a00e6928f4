"""Logs at addresses: a folder is its files by name, and what cannot be had is one line."""

from __future__ import annotations

import functools
import gzip
import http.server
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from streams.core.errors import MissingToolError, SettingsError
from streams.core.settings import Settings
from streams.intake.collector import Collector, read_files
from streams.intake.files import chunks_of, log_path, named_files, size_bytes
from streams.intake.remote import RemotePath, is_address


def line(number: int) -> bytes:
    return f'{{"timestamp": {1_790_000_000 + number}, "event.id": "e{number}", "account.id": "a"}}\n'.encode()


@pytest.fixture
def bucket() -> str:
    """A folder in fsspec's own memory: two days of packed logs, a hidden file, and an empty one, which marks a folder."""
    address = f"memory://{uuid.uuid4().hex}"
    held = {"28/b.json.gz": gzip.compress(line(2)), "27/a.json.gz": gzip.compress(line(0) + line(1)), "27/.part": b"x", "28/marker": b""}
    for name, content in held.items():
        MemoryFileSystem().pipe_file(f"{address}/{name}", content)
    return address


def test_a_folder_is_its_files_by_name_without_hidden_and_empty_ones(bucket: str) -> None:
    files = named_files([log_path(bucket)])
    assert [str(file).rpartition("/")[2] for file in files] == ["a.json.gz", "b.json.gz"]
    assert sum(map(size_bytes, files)) == len(gzip.compress(line(0) + line(1))) + len(gzip.compress(line(2)))


def test_the_lines_of_a_folder_are_those_of_the_same_files_here(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(line(0) + line(1))
    (tmp_path / "b.json").write_bytes(line(2))
    settings = Settings(mode="local", partitions=1)
    counted = Collector(settings)
    there, here = ([block.data for block in read_files([path], settings)] for path in (log_path(bucket), tmp_path))
    list(read_files([log_path(bucket)], settings, collector=counted))
    assert there == here
    assert counted.accepted == 3


def test_one_file_is_read_at_its_own_address(bucket: str) -> None:
    (chunk,) = chunks_of(log_path(f"{bucket}/28/b.json.gz"))
    assert chunk.lines == [line(2).rstrip()]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "log.jsonl.gz").write_bytes(gzip.compress(line(0)))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def test_a_file_of_a_web_server_is_read(web: str) -> None:
    (file,) = named_files([log_path(f"{web}/log.jsonl.gz")])
    assert [chunk.lines for chunk in chunks_of(file)] == [[line(0).rstrip()]]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("memory://nowhere/at-all", "memory://nowhere/at-all holds no file that can be seen: check the address"),
        ("pigeon://loft", "pigeon://loft is no kind of address that fsspec knows"),
        (
            "http://127.0.0.1:9/log",
            "http://127.0.0.1:9/log holds no file that can be seen: check the address, the region and your credentials",
        ),
    ],
)
def test_what_cannot_be_had_is_one_line(address: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        named_files([log_path(address)])
    assert said in str(refused.value)


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_address: str) -> None:
        message = "Install gcsfs to access Google Storage"
        raise ImportError(message)

    monkeypatch.setattr("fsspec.core.url_to_fs", absent)
    with pytest.raises(MissingToolError, match=r"gs:// needs a package \(Install gcsfs .*\): pip install 'hydrometer\[buckets\]'"):
        RemotePath("gs://bucket/logs").files()


@pytest.mark.parametrize("name", ["logs/a.jsonl", "C:/logs", "./s3://x", "-", "a:b", "/s3://bucket"])
def test_a_path_is_no_address(name: str) -> None:
    assert not is_address(name)
    assert log_path(name) == Path(name)
