"""The body of an HTTP request: with a length or in chunks, compressed or not, read piece by piece."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from email.message import Message
from io import BufferedIOBase
from pathlib import Path
from typing import Protocol

import lz4.frame  # type: ignore[import-untyped]
import zstandard

from streams.devserver import frames
from streams.devserver.wire import DisconnectedError, ProtocolError, WireReader

TOO_LARGE_CODE, UNKNOWN_PACKING, CANNOT_DECOMPRESS = 131, 89, 271
_WINDOW_BYTES = 8 * 1024 * 1024
_ZSTD_PIECE_BYTES = 256  # four bytes of zstd may be a block of 128 KiB
_PIECE_BYTES = 65_536  # small, because it may decompress to a thousand times as much


def pieces(stream: BufferedIOBase, headers: Message, *, framed: bool) -> Iterator[bytes]:
    """Yield the body of the request with these `headers`, decompressed.

    Args:
        stream: where the body begins.
        headers: Content-Length or Transfer-Encoding say where it ends, Content-Encoding how it is packed.
        framed: it comes in the native protocol's own frames.

    Raises:
        ProtocolError: malformed, cut short or packed in an unknown way.
    """
    chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
    raw = _chunks(stream) if chunked else _exactly(stream, number(headers.get("Content-Length", "")))
    encoding = headers.get("Content-Encoding", "identity").lower()
    if framed:
        return _unframed(raw)
    if encoding == "identity":
        return raw
    if encoding not in _UNPACKERS:
        raise ProtocolError(f"unknown Content-Encoding {encoding[:32]}: use zstd, gzip, deflate, lz4 or none", UNKNOWN_PACKING)
    return _unpacked(_sliced(raw, _ZSTD_PIECE_BYTES) if encoding == "zstd" else raw, _UNPACKERS[encoding])


def whole(body: Iterator[bytes], most: int) -> bytes:
    """Return a body of at most `most` bytes."""
    return b"".join(_limited(body, most))


def store(body: Iterator[bytes], path: Path, most: int) -> int:
    """Write a body of at most `most` bytes to `path`; return its size in bytes."""
    with path.open("wb") as file:
        return sum(file.write(piece) for piece in _limited(body, most))


def number(words: str) -> int:
    """Return the number in a header or field, 0 when it is not a number."""
    return int(words) if re.fullmatch("[0-9]{1,15}", words) else 0


def _limited(body: Iterator[bytes], most: int) -> Iterator[bytes]:
    for piece in body:
        most -= len(piece)
        if most < 0:
            raise ProtocolError(
                "the body is too long: put an INSERT's text in the address, its data in the body, or send less", TOO_LARGE_CODE
            )
        yield piece


def _exactly(stream: BufferedIOBase, left: int) -> Iterator[bytes]:
    while left:
        piece = stream.read(min(left, _PIECE_BYTES))
        if not piece:
            raise DisconnectedError("the body ended early")
        left -= len(piece)
        yield piece


def _chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    while True:
        line = stream.readline(64).split(b";")[0].strip()
        if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", line):
            raise ProtocolError("a chunk of the body has no size")
        size = int(line, 16)
        yield from _exactly(stream, size)
        stream.readline(64)
        if not size:
            return


def _unframed(packed: Iterator[bytes]) -> Iterator[bytes]:
    reader = WireReader(lambda: next(packed, b""))
    while reader.ready():
        yield frames.read_frame(reader)


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, /) -> bytes: ...


_UNPACKERS: dict[str, Callable[[], _Unpacker]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "deflate": zlib.decompressobj,
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": lambda: zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES).decompressobj(),
}
_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda data: zstandard.ZstdCompressor(level=1).compress(data),
    "lz4": lz4.frame.compress,
    "gzip": lambda data: gzip.compress(data, 1, mtime=0),
    "deflate": lambda data: zlib.compress(data, 1),
}
"""The best first."""


def packed_for(client: Message, content: bytes) -> tuple[str, bytes]:
    """Return an encoding that the headers of a client accept, and the content in it; `identity` where it accepts none of ours."""
    wanted = {word.partition(";")[0].strip().lower() for word in client.get("Accept-Encoding", "").split(",")}
    encoding = next((name for name in _PACKERS if name in wanted), "identity")
    return encoding, _PACKERS[encoding](content) if encoding in _PACKERS else content


def _sliced(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    for piece in pieces:
        yield from (piece[start : start + size] for start in range(0, len(piece), size))


def _unpacked(packed: Iterator[bytes], make: Callable[[], _Unpacker]) -> Iterator[bytes]:
    """Decompress frames one after the other. Raises ProtocolError for data that end within a frame."""
    unpacker, complete = make(), True
    try:
        for piece in packed:
            left = piece
            while left:
                yield unpacker.decompress(left)
                complete = unpacker.eof
                left = unpacker.unused_data or b""
                if complete:
                    unpacker = make()
    except (zlib.error, zstandard.ZstdError, RuntimeError, EOFError) as error:
        raise ProtocolError("the body cannot be unpacked", CANNOT_DECOMPRESS) from error
    if not complete:
        raise ProtocolError("the packed body ended early", CANNOT_DECOMPRESS)
