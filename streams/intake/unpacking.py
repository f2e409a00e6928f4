"""From the bytes of a file to its text in UTF-8: compression and encoding are recognised by the first bytes."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zlib
from typing import BinaryIO, Final, Protocol, cast

import zstandard

_ZSTD_PIECE_BYTES: Final = 2048  # compressed bytes at a time: at most 90 MB of text, even of a hostile frame
_PIECE_BYTES: Final = 1 << 16
_GZIP, _ZSTD, _XZ, _BZIP2, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00", b"BZh", b"PK\x03\x04"
_ENCODINGS: Final = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
BROKEN: Final = (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError)
"""What reading a damaged input raises."""


def is_packed(head: bytes) -> bool:
    """Tell whether an input that begins like this (at least 6 bytes) is compressed, or in UTF-16: not lines as they are."""
    return head.startswith((_GZIP, _ZSTD, _XZ, _BZIP2, _ZIP, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


class Stream(Protocol):
    """A source of bytes: `read1` returns the available bytes, at most `size`, and none at the end."""

    def read1(self, size: int = ..., /) -> bytes:
        """Return some bytes, or none at the end."""
        ...


class ZipError(OSError):
    """The input is a zip archive, whose directory lies at its end: it cannot be read as it comes."""


def unpacked(raw: BinaryIO) -> Stream:
    """Return a stream's text: decompressed (gzip, zstd, xz, bzip2), and in UTF-8 without a byte order mark.

    A gzip within a gzip is read too: Firehose packs again what CloudWatch had packed.

    The stream must be buffered. Raises ZipError for a zip archive.
    """
    magic = cast("_Peekable", raw).peek(6)[:6]
    if magic.startswith(_ZIP):
        raise ZipError
    if magic.startswith(_GZIP):
        text = gzip.GzipFile(fileobj=raw)
        return _Text(gzip.GzipFile(fileobj=text, mode="rb") if text.peek(2)[:2] == _GZIP else text)
    if magic.startswith(_ZSTD):
        return _Text(_Zstd(raw))
    if magic.startswith(_XZ):
        return _Text(lzma.LZMAFile(raw))
    if magic.startswith(_BZIP2):
        return _Text(bz2.BZ2File(raw))
    return _Text(cast("Stream", raw))


class _Text:
    """A stream in UTF-8: a byte order mark is left out, and UTF-16 converted."""

    def __init__(self, source: Stream) -> None:
        self._source = source
        self._decoder: codecs.IncrementalDecoder | None = None
        self._begun = False

    def read1(self, size: int = _PIECE_BYTES, /) -> bytes:
        if not self._begun:
            return self._first(size)
        if self._decoder is None:
            return self._source.read1(size)
        return self._converted(self._decoder, size)

    def _first(self, size: int) -> bytes:
        self._begun = True
        piece = self._source.read1(size)
        while 0 < len(piece) < len(codecs.BOM_UTF8) and (more := self._source.read1(size)):
            piece += more
        mark = next((mark for mark in _ENCODINGS if piece.startswith(mark)), b"")
        rest = piece[len(mark) :]
        if mark in (b"", codecs.BOM_UTF8):
            return rest or (self._source.read1(size) if mark else b"")
        self._decoder = codecs.getincrementaldecoder(_ENCODINGS[mark])("replace")
        return self._decoder.decode(rest).encode() or self.read1(size)

    def _converted(self, decoder: codecs.IncrementalDecoder, size: int) -> bytes:
        while piece := self._source.read1(size):
            if text := decoder.decode(piece).encode():
                return text
        return decoder.decode(b"", final=True).encode()


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
