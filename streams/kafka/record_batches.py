"""Kafka's record batches as a stranger may write them: names of headers that are no UTF-8, and a kilobyte that unpacks to a gigabyte.

aiokafka, with which `collect` and the workers read, and kafka-python, with which commands do, decode names of headers strictly and unpack
whatever comes: one such record would end its reader at every start. Here a batch is unpacked within bounds, and names that are no UTF-8
are read with question marks. A batch that cannot be read is one record without a value, which becomes a dead letter.

Source: https://kafka.apache.org/documentation/#messageformat (version 2). Earlier versions no broker takes any more.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import cramjam
import lz4.frame  # type: ignore[import-untyped]
import zstandard
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from kafka.consumer import fetcher as synchronous_fetcher
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch as SynchronousBatch
from kafka.record.memory_records import MemoryRecords as SynchronousRecords

from streams.kafka.empty_offsets import WatchedRecords

MAX_UNPACKED_BATCH_BYTES: Final = 64 * 1024 * 1024
"""Of one batch, unpacked. A producer's are of a megabyte or less, and none of ours is over 8 MiB."""

_HEAD: Final = struct.Struct(">qiibIhiqqqhii")
"""Offset, length, epoch, version, checksum, attributes, last offset, first and last time, producer (id, epoch), sequence, records."""
_LENGTH_AT, _VERSION_AT, _ATTRIBUTES_AT = 8, 16, 21
_PREFIX_BYTES = 12  # what the length does not count
_FORMAT_VERSION = 2
_CODEC_MASK = 7
_GZIP, _SNAPPY, _LZ4, _ZSTD = 1, 2, 3, 4
_XERIAL: Final = b"\x82SNAPPY\x00"
_XERIAL_HEAD_BYTES = 16


class UnreadableBatchError(Exception):
    """A batch cannot be unpacked, or would take too much memory."""


class Unread(NamedTuple):
    """What stands for a batch that cannot be read: its first record, without anything in it."""

    offset: int
    timestamp: int
    timestamp_type: int = 0
    key: None = None
    value: None = None
    checksum: None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    size_in_bytes: int = 0

    def validate_crc(self) -> bool:
        """Return True: the batch was checked."""
        return True


class Batches:
    """The batches of a fetched partition, as aiokafka's `MemoryRecords`."""

    records: Any = MemoryRecords
    batch: Any = DefaultRecordBatch

    def __init__(self, data: bytes | None) -> None:
        """Read from what a broker sent."""
        self._data = bytes(data or b"")
        self._at = 0

    def size_in_bytes(self) -> int:
        """Return how much was fetched."""
        return len(self._data)

    def has_next(self) -> bool:
        """Tell whether another batch is whole. The last one of a fetch may be cut off."""
        return len(self._data) - self._at >= _PREFIX_BYTES and self._end() <= len(self._data)

    def next_batch(self) -> Any:
        """Return the next batch; None when there is none."""
        if not self.has_next():
            return None
        start, self._at = self._at, self._end()
        part = self._data[start : self._at]
        if len(part) < _HEAD.size or part[_VERSION_AT] != _FORMAT_VERSION:
            return self.records(part).next_batch()
        return Batch(part, self.batch)

    def _end(self) -> int:
        (length,) = struct.unpack_from(">i", self._data, self._at + _LENGTH_AT)
        return self._at + _PREFIX_BYTES + max(0, int(length))


class SynchronousBatches(Batches):
    """The batches of a fetched partition, as the `MemoryRecords` of kafka-python."""

    records = SynchronousRecords
    batch = SynchronousBatch


class Batch:
    """One batch, as a client's `DefaultRecordBatch`."""

    def __init__(self, data: bytes, made_of: Any = DefaultRecordBatch) -> None:
        """Read from a whole batch of version 2, with a client's own class."""
        self._data = data
        self._made_of = made_of
        self._inner: Any = made_of(data)

    def __getattr__(self, name: str) -> Any:
        """Return what its header says."""
        return getattr(self._inner, name)

    def __next__(self) -> Any:
        """Return its first record: aiokafka asks for it of control batches."""
        return next(iter(self._inner))

    def __iter__(self) -> Iterator[Any]:
        """Yield its records."""
        done = 0
        try:
            plain = unpacked(self._data)
            try:
                for record in self._made_of(plain):
                    yield record
                    done += 1
            except (UnicodeDecodeError, CorruptRecordError):
                yield from islice(self._made_of(with_readable_names(plain)), done, None)
        except (UnreadableBatchError, CorruptRecordException, CorruptRecordError):
            if done == 0:
                yield Unread(self._inner.base_offset, self._inner.max_timestamp)


def tolerate_strangers() -> None:
    """Let every consumer of this process, of aiokafka or kafka-python, read batches as this module does."""
    fetcher.MemoryRecords = Batches
    fetcher.PartitionRecords = WatchedRecords
    synchronous_fetcher.MemoryRecords = SynchronousBatches


def unpacked(batch: bytes, most: int = MAX_UNPACKED_BATCH_BYTES) -> bytes:
    """Return a batch without compression. Raises UnreadableBatchError when it is damaged, or over `most` bytes unpacked."""
    head = list(_HEAD.unpack_from(batch))
    codec = head[5] & _CODEC_MASK
    if codec == 0:
        return batch
    try:
        content = _unpack(codec, batch[_HEAD.size :], most)
    except (zlib.error, cramjam.DecompressionError, RuntimeError, EOFError, zstandard.ZstdError, struct.error) as error:
        raise UnreadableBatchError(type(error).__name__) from error
    head[1] = _HEAD.size - _PREFIX_BYTES + len(content)
    head[5] &= ~_CODEC_MASK
    return _HEAD.pack(*head) + content


def _unpack(codec: int, data: bytes, most: int) -> bytes:
    if codec == _SNAPPY:
        return b"".join(_snappy(data, most))
    if codec == _GZIP:
        content = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, most + 1)
    elif codec == _LZ4:
        content = lz4.frame.LZ4FrameDecompressor().decompress(data, max_length=most + 1)
    elif codec == _ZSTD:
        content = zstandard.ZstdDecompressor(max_window_size=most).stream_reader(data).read(most + 1)
    else:
        raise UnreadableBatchError(f"codec {codec}")
    if len(content) > most:
        raise UnreadableBatchError("too large")
    return content


def _snappy(data: bytes, most: int) -> Iterator[bytes]:
    """Yield the parts of a snappy stream: one, or many in the framing of xerial's library, which Java's producers use."""
    if not data.startswith(_XERIAL):
        yield _snappy_part(data, most)
        return
    at = _XERIAL_HEAD_BYTES
    while at < len(data):
        (length,) = struct.unpack_from(">i", data, at)
        if length < 0:
            raise UnreadableBatchError("a part of negative length")
        part = _snappy_part(data[at + 4 : at + 4 + length], most)
        most -= len(part)
        at += 4 + length
        yield part


def _snappy_part(data: bytes, most: int) -> bytes:
    if cramjam.snappy.decompress_raw_len(data) > most:
        raise UnreadableBatchError("too large")
    return bytes(cramjam.snappy.decompress_raw(data))


def with_readable_names(batch: bytes) -> bytes:
    """Return a batch without compression whose headers have names in ASCII: other bytes of them are question marks.

    Raises UnreadableBatchError when its records are no records.
    """
    clean = bytearray(batch)
    at = _HEAD.size
    try:
        for _ in range(_HEAD.unpack_from(batch)[-1]):
            _, at = _varint(batch, at)  # the record's length
            at += 1  # its attributes
            for _ in range(2):  # its time and offset
                _, at = _varint(batch, at)
            for _ in range(2):  # its key and value
                at = _behind(batch, at)
            count, at = _varint(batch, at)
            for _ in range(count):
                length, at = _varint(batch, at)
                clean[at : at + length] = bytes(byte if byte < 0x80 else 0x3F for byte in batch[at : at + length])  # noqa: PLR2004  (ASCII)
                at = _behind(batch, at + length)
    except IndexError as error:
        raise UnreadableBatchError("records that end outside of their batch") from error
    return bytes(clean)


def _behind(batch: bytes, at: int) -> int:
    """Return the place behind bytes that begin with their length; -1 is none."""
    length, at = _varint(batch, at)
    return at + max(0, length)


def _varint(batch: bytes, at: int) -> tuple[int, int]:
    """Return a signed number in zigzag notation, and the place behind it. Raises IndexError."""
    value = shift = 0
    while True:
        byte = batch[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80 or shift > 63:  # noqa: PLR2004  (the highest bit says that more follow; 64 bits)
            return (value >> 1) ^ -(value & 1), at
