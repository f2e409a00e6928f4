"""Lines from files and standard input: plain, gzip or zstd (recognised by the first bytes), never more than 1 MiB a line in memory."""

from __future__ import annotations

import gzip
import queue
import threading
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Protocol, cast

import zstandard

from streams.core.errors import HydrometerError, SettingsError
from streams.schema.event import MAX_LINE_BYTES

CHUNK_LINES: Final = 1024
"""Lines per chunk. Fixed, so that a file is always cut at the same lines."""

_PIECE_BYTES = 1 << 20
_ZSTD_PIECE_BYTES = 2048  # compressed bytes at a time: at most 90 MB of text, even of a hostile frame
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_BROKEN = (OSError, EOFError, zlib.error, zstandard.ZstdError)


class UnreadableInputError(HydrometerError):
    """An input broke off. The lines before stay; the message names the cause."""


class Stream(Protocol):
    """A source of bytes: `read1` returns the available bytes, at most `size`, and none at the end."""

    def read1(self, size: int = ..., /) -> bytes:
        """Return some bytes, or none at the end."""
        ...


class Chunk(NamedTuple):
    """Some lines of a file, in order."""

    lines: list[bytes]
    first: int
    """The number of the first line, from 1."""
    done: int
    """Bytes of the file on disk that were read so far."""


def check_files(paths: Sequence[Path]) -> None:
    """Raise SettingsError, one line, for the first path that cannot be opened."""
    for path in paths:
        try:
            path.open("rb").close()
        except OSError as error:
            message = f"cannot read {path} ({error.strerror}): check the path and its permissions"
            raise SettingsError(message) from error


def chunks_of(path: Path) -> Iterator[Chunk]:
    """Yield a file's lines, 1,024 at a time. Raises UnreadableInputError after the last readable line when the file breaks off."""
    with path.open("rb") as raw:
        lines, first = lines_of(unpacked(raw)), 1
        while chunk := list(_until_broken(islice(lines, CHUNK_LINES))):
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


def unpacked(raw: BinaryIO) -> Stream:
    """Return the stream's content, decompressed if it starts as gzip or zstd. The stream must be buffered."""
    magic = cast("_Peekable", raw).peek(4)[:4]
    if magic.startswith(_GZIP_MAGIC):
        return gzip.GzipFile(fileobj=raw)
    if magic == _ZSTD_MAGIC:
        return _Zstd(raw)
    return cast("Stream", raw)


class Splitter:
    """Cuts pieces of any size into lines; of an endless line it keeps no more than the limit of a line."""

    def __init__(self) -> None:
        """Start at the beginning of a line."""
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that this piece completes. A line over the limit is cut to the limit plus one byte."""
        if b"\n" not in piece:
            self._rest = (self._rest + piece)[: MAX_LINE_BYTES + 1]
            return []
        head, *lines = piece.split(b"\n")
        lines.insert(0, (self._rest + head)[: MAX_LINE_BYTES + 1])
        self._rest = lines.pop()[: MAX_LINE_BYTES + 1]
        return lines

    def finish(self) -> list[bytes]:
        """Return the last line, if it did not end in a line feed."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


def lines_of(stream: Stream) -> Iterator[bytes]:
    """Yield the lines of a stream, without their line feeds."""
    splitter = Splitter()
    while piece := stream.read1(_PIECE_BYTES):
        yield from splitter.feed(piece)
    yield from splitter.finish()


class _Zstd:
    """Reads zstd frames. The library's own reader does not notice a truncated frame."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._rest = b""
        self._frame: zstandard.ZstdDecompressionObj | None = None

    def read1(self, _size: int = -1, /) -> bytes:
        text = b""
        while not text:
            piece = self._rest or self._raw.read(_ZSTD_PIECE_BYTES)
            if not piece:
                break
            self._frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
            text, self._rest = self._frame.decompress(piece), b""
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, None
        if not text and self._frame is not None:
            message = "the last frame is cut short"
            raise EOFError(message)
        return text


class _Peekable(Protocol):
    def peek(self, size: int, /) -> bytes: ...


def _until_broken(lines: Iterator[bytes]) -> Iterator[bytes | Exception]:
    """Yield lines, and at last the error that ended them."""
    try:
        yield from lines
    except _BROKEN as error:
        yield error


def _pump(stream: BinaryIO, waiting: queue.Queue[list[bytes] | Exception | None]) -> None:
    splitter = Splitter()
    try:
        source = unpacked(stream)
        while piece := source.read1(_PIECE_BYTES):
            waiting.put(splitter.feed(piece))
        waiting.put(splitter.finish())
        waiting.put(None)
    except _BROKEN as error:
        waiting.put(error)


def _why(error: Exception) -> str:
    return f"the input breaks off ({type(error).__name__}): it may be cut short or damaged"
