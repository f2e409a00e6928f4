"""Compressed frames of the native protocol: a checksum, a method, two sizes and the payload (LZ4, ZSTD, or none)."""

from __future__ import annotations

import struct

import lz4.block  # type: ignore[import-untyped]
import zstandard
from clickhouse_cityhash.cityhash import CityHash128  # type: ignore[import-untyped]

from streams.devserver.wire import ProtocolError, WireReader

LZ4, ZSTD, NONE = 0x82, 0x90, 0x02
FRAME_BYTES = 256 * 1024 * 1024
"""Maximum size of a frame, before and after decompression: a driver sends a whole block as one frame."""

_HEAD = struct.Struct("<BII")
_PIECE_BYTES = 1024 * 1024
_HALF_MASK = (1 << 64) - 1


def _checksum(data: bytes) -> bytes:
    value = CityHash128(data)
    return struct.pack("<QQ", value >> 64, value & _HALF_MASK)


def compress(data: bytes, method: int = LZ4) -> bytes:
    """Return `data` as frames of at most 1 MiB each, packed by LZ4 or ZSTD."""
    return b"".join(_frame(data[start : start + _PIECE_BYTES], method) for start in range(0, len(data), _PIECE_BYTES))


def _frame(data: bytes, method: int) -> bytes:
    packed = zstandard.ZstdCompressor(level=1).compress(data) if method == ZSTD else lz4.block.compress(data, store_size=False)
    framed: bytes = _HEAD.pack(method, _HEAD.size + len(packed), len(data)) + packed
    return _checksum(framed) + framed


def read_frame(reader: WireReader) -> bytes:
    """Return the content of the next frame.

    Raises:
        ProtocolError: a wrong checksum (40), an unknown method (89) or sizes over the limit (135).
    """
    checksum, head = reader.take(16), reader.take(_HEAD.size)
    method, packed_size, size = _HEAD.unpack(head)
    if not (_HEAD.size <= packed_size <= FRAME_BYTES and 0 < size <= FRAME_BYTES):
        raise ProtocolError(f"a compressed frame of {packed_size} bytes, {size} unpacked, exceeds the limit of {FRAME_BYTES} bytes", 135)
    payload = reader.take(packed_size - _HEAD.size)
    if _checksum(head + payload) != checksum:
        raise ProtocolError("the checksum of a compressed frame does not match", 40)
    return _unpack(method, payload, size)


def _unpack(method: int, payload: bytes, size: int) -> bytes:
    if method not in (LZ4, ZSTD, NONE):
        raise ProtocolError(f"unknown compression method {method:#x}: use lz4, zstd or none", 89)
    try:
        data = (
            payload
            if method == NONE
            else _unzstd(payload, size)
            if method == ZSTD
            else lz4.block.decompress(payload, uncompressed_size=size)
        )
    except (lz4.block.LZ4BlockError, zstandard.ZstdError) as error:
        raise ProtocolError("a compressed frame cannot be unpacked", 271) from error
    if len(data) != size:
        raise ProtocolError(f"a compressed frame has {len(data)} bytes instead of {size}", 271)
    return data


def _unzstd(payload: bytes, size: int) -> bytes:
    """Return at most `size` bytes: what a payload says of itself costs no memory."""
    if zstandard.frame_content_size(payload) > size:
        raise zstandard.ZstdError("larger than its frame")
    return zstandard.ZstdDecompressor().decompress(payload, max_output_size=size)
