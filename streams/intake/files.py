"""Lines from files and standard input, whatever packs them (`unpacking`) and cuts them (`splitting`); of one at most 16 MiB in memory."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from streams.core.errors import HydrometerError, SettingsError
from streams.intake.remote import RemotePath, is_address
from streams.intake.splitting import Records
from streams.intake.unpacking import BROKEN, ZipError, unpacked

CHUNK_LINES: Final = 1024
"""Lines per chunk. Fixed, so that a file is always cut at the same lines."""
CHUNK_BYTES: Final = 64 * 1024 * 1024
"""A chunk of long lines ends where it has so many bytes."""

LogPath = Path | RemotePath
"""Where a log is: a file or a folder here, or at an address."""

PIECE_BYTES = 1 << 20


class UnreadableInputError(HydrometerError):
    """An input broke off. The lines before stay; the message names the cause."""


class Chunk(NamedTuple):
    """Some lines of a file, in order."""

    lines: list[bytes]
    first: int
    """The number of the first line, from 1."""
    done: int
    """Bytes of the file on disk that were read so far."""


def log_path(name: str) -> LogPath:
    """Return what a word names: an address, as s3://bucket/logs, or a path."""
    return RemotePath(name) if is_address(name) else Path(name)


def named_files(paths: Sequence[LogPath]) -> list[LogPath]:
    """Return the files that paths name, a folder's by their names, as a bucket lists them; hidden ones (`.name`) are left out.

    Raises:
        SettingsError: One line, for the first path that cannot be opened, and for a folder without files.
        MissingToolError: The package for an address is not installed.
    """
    files: list[LogPath] = []
    for path in paths:
        if isinstance(path, RemotePath):
            files += path.files()
            continue
        if not path.is_dir():
            files.append(path)
            continue
        inside = [file for file in sorted(path.rglob("*")) if file.is_file() and not _is_hidden(file.relative_to(path))]
        if not inside:
            raise SettingsError(f"{path} holds no file: name a folder of logs, or the files themselves")
        files += inside
    for file in files:
        try:
            opened(file).close()
        except OSError as error:
            message = f"cannot read {file} ({error.strerror}): check the path and its permissions"
            raise SettingsError(message) from error
    return files


def opened(path: LogPath) -> BinaryIO:
    """Return the bytes of a file. Raises OSError, and for an address SettingsError, when it cannot be opened."""
    return path.open() if isinstance(path, RemotePath) else path.open("rb")


def size_bytes(path: LogPath) -> int:
    """Return the size of a file as it is stored, 0 where that is unknown."""
    return path.size_bytes if isinstance(path, RemotePath) else path.stat().st_size


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def chunks_of(path: LogPath) -> Iterator[Chunk]:
    """Yield a file's lines, 1,024 at a time. Raises UnreadableInputError after the last readable line when the file breaks off."""
    with opened(path) as raw:
        lines, first = lines_of(raw), 1
        while chunk := list(_until_broken(_chunk(lines))):
            yield Chunk([line for line in chunk if not isinstance(line, Exception)], first, raw.tell())
            if isinstance(chunk[-1], Exception):
                raise UnreadableInputError(_why(chunk[-1])) from chunk[-1]
            first += len(chunk)


def live_chunks(stream: BinaryIO, interval_seconds: float) -> Iterator[list[bytes]]:
    """Yield lines as they arrive, and an empty list after `interval_seconds` without any; end with the stream.

    Raises UnreadableInputError when the stream breaks off.
    """
    waiting: queue.Queue[list[bytes] | Exception | None] = queue.Queue(maxsize=8)
    threading.Thread(target=_pump, args=(stream, waiting), daemon=True).start()
    while True:
        try:
            lines = waiting.get(timeout=interval_seconds)
        except queue.Empty:
            yield []
            continue
        if lines is None:
            return
        if isinstance(lines, Exception):
            raise UnreadableInputError(_why(lines)) from lines
        yield lines


def lines_of(raw: BinaryIO) -> Iterator[bytes]:
    """Yield the records of an input, which is unpacked: its lines without their line feeds, or its JSON values."""
    splitter, stream = Records(), unpacked(raw)
    while piece := stream.read1(PIECE_BYTES):
        yield from splitter.feed(piece)
    yield from splitter.finish()


def _chunk(lines: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for line in islice(lines, CHUNK_LINES):
        yield line
        size += len(line)
        if size >= CHUNK_BYTES:
            return


def _until_broken(lines: Iterator[bytes]) -> Iterator[bytes | Exception]:
    """Yield lines, and at last the error that ended them."""
    try:
        yield from lines
    except BROKEN as error:
        yield error


def _pump(stream: BinaryIO, waiting: queue.Queue[list[bytes] | Exception | None]) -> None:
    splitter = Records()
    try:
        source = unpacked(stream)
        while piece := source.read1(PIECE_BYTES):
            waiting.put(splitter.feed(piece))
        waiting.put(splitter.finish())
        waiting.put(None)
    except BROKEN as error:
        waiting.put(error)


def _why(error: Exception) -> str:
    if isinstance(error, ZipError):
        return "a zip archive cannot be read as it comes: unpack it, unzip -p FILE > log.jsonl"
    return f"the input breaks off ({type(error).__name__}): it may be cut short or damaged"
