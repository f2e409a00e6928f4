"""Bodies of HTTP requests: which encodings and media types a door reads, and their bytes, unpacked within bounds.

aiohttp's own unpacking is switched off (`SERVER`): it answers 400 to an encoding that it does not know before our code sees the request.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import AsyncIterator, Collection, Iterator
from typing import Any, Final, TypedDict

from aiohttp import web

from streams.intake.connections import quiet


class ServerOptions(TypedDict):
    """Arguments of aiohttp's `AppRunner`."""

    auto_decompress: bool
    access_log: logging.Logger | None
    logger: logging.Logger


SERVER: Final = ServerOptions(auto_decompress=False, access_log=None, logger=quiet())
"""How each of our HTTP servers is set up."""
PACKED: Final = ("gzip", "deflate")
FORM: Final = "application/x-www-form-urlencoded"

_PIECE_BYTES: Final = 262_144
_GZIP_BITS, _ZLIB_BITS, _RAW_BITS = 31, 15, -15
"""What zlib reads by its number of window bits."""
_ZLIB_METHOD_CODE: Final = 8
"""The lower half of the first byte of RFC 1950; some senders leave its head out."""


class NotUnpackedError(Exception):
    """A body is not packed as its Content-Encoding says, or was cut short."""


def check(request: web.Request, media_types: Collection[str], *, packings: Collection[str] = ()) -> None:
    """Raise 415 for a body in an encoding or of a media type that is not read here.

    Args:
        request: What a caller sends; its body is not read.
        media_types: What may be sent, in lower case. aiohttp calls a body without a type application/octet-stream.
        packings: Of `PACKED`, those that `unpacked` will undo.
    """
    encoding, kind = _encoding(request), request.content_type.lower()
    if encoding and encoding not in packings:
        raise web.HTTPUnsupportedMediaType(text=f"send the body plain{''.join(f', or with Content-Encoding: {name}' for name in packings)}")
    if kind not in media_types:
        raise web.HTTPUnsupportedMediaType(text=f"send the body as one of {', '.join(sorted(media_types))}")


async def unpacked(request: web.Request) -> AsyncIterator[bytes]:
    """Yield the bytes of a body, in pieces of at most 256 KiB if it was packed; `check` has allowed its encoding.

    Raises:
        NotUnpackedError: The body is not packed as it says, or was cut short.
    """
    encoding = _encoding(request)
    unpacker = _Unpacker(encoding)
    async for part in request.content.iter_any():
        for piece in unpacker.feed(part) if encoding else (part,):
            yield piece
    if not unpacker.complete:
        raise NotUnpackedError


class _Unpacker:
    """Unpacks members of gzip or deflate that follow one another, as they arrive."""

    def __init__(self, encoding: str) -> None:
        """Unpack what is in this encoding."""
        self._encoding = encoding
        self._member: Any = None

    @property
    def complete(self) -> bool:
        """Whether the last member has ended."""
        return self._member is None

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Yield what the next bytes unpack to, in pieces of at most 256 KiB."""
        while packed or self._member is not None:
            self._member = self._member or zlib.decompressobj(_window(self._encoding, packed))
            try:
                piece = self._member.decompress(packed, _PIECE_BYTES)
            except zlib.error as error:
                raise NotUnpackedError from error
            if piece:
                yield piece
            if self._member.eof:
                packed, self._member = self._member.unused_data, None
                continue
            packed = self._member.unconsumed_tail
            if not packed and len(piece) < _PIECE_BYTES:
                return  # the rest arrives with the next bytes


def _encoding(request: web.Request) -> str:
    """Return how a body is packed; empty for not at all."""
    encoding = ",".join(request.headers.getall("Content-Encoding", [])).strip().lower()
    return "" if encoding == "identity" else encoding


def _window(encoding: str, first: bytes) -> int:
    return _GZIP_BITS if encoding == "gzip" else _ZLIB_BITS if first[0] & 0xF == _ZLIB_METHOD_CODE else _RAW_BITS
