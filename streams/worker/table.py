"""The Faust table of a stage: its chunks and its archive, in Kafka (a compacted changelog) and on local disk (RocksDB).

Faust's own `table[key] = value` writes the local copy first and sends the changelog later. Here the order is reversed and explicit: a
record is *written* when the changelog has confirmed it. So the disk always contains a prefix of the changelog, and a partition that moves
to another worker and back has one history only.

Others can write to the topic: each record has a code over its key, offset and bytes (HMAC-SHA256 with the seal key). A record without
a valid code, from another writer or damaged, is refused and counted, and its entities start empty.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import struct
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from typing import Any, cast

import faust
from faust.stores import memory, rocksdb
from faust.types import TP

from streams.telemetry.metrics import METRICS, Metric

_OFFSET = struct.Struct(">q")  # start of each value: the last input offset of its partition that it may contain
_CODE_BYTES = 16  # end of each value: its code

log = logging.getLogger(__name__)


class ChunkTable(faust.Table[bytes, bytes]):
    """Records by name, each in the partition of the input from which it was computed.

    Keys are `<partition>/<name>`. Values start with the input offset up to which they are complete.
    """

    def __init__(self, app: faust.App, *, seal_key: bytes, **options: Any) -> None:
        """Make a Faust table with these options, whose records have a code under `seal_key`."""
        super().__init__(app, **options)
        self._seal_key = seal_key

    async def write(self, partition: int, records: Sequence[tuple[str, bytes]], offset: int) -> None:
        """Write records in order, and return when Kafka has confirmed them.

        The last record is sent alone, after the others are confirmed: a broker may report the start of its last batch as the end of a
        partition (Tansu does), and recovery stops at that end.

        Args:
            partition: Number of the partition.
            records: Name and bytes of each record.
            offset: Offset of the last block that the records contain.
        """
        pairs = [(key := _key(partition, name), self._sealed(key, _OFFSET.pack(offset) + data)) for name, data in records]
        for part in (pairs[:-1], pairs[-1:]):
            sent = [await self._send(partition, key, value) for key, value in part]
            for (key, value), metadata in zip(part, await asyncio.gather(*sent), strict=True):
                self._keep(partition, key, value)
                self.data.set_persisted_offset(TP(metadata.topic, metadata.partition), metadata.offset)

    def get_record(self, partition: int, name: str) -> bytes | None:
        """Return one record as of the last recovery or write; None if it is absent or has no valid code."""
        key = _key(partition, name)
        value = self._get(partition, key)
        return unpacked(value)[1] if value is not None and self._has_valid_code(key, value) else None

    def records(self, partition: int, prefix: str) -> Iterator[tuple[str, bytes, int]]:
        """Yield name (without the prefix), bytes and offset of every record whose name starts with `prefix`."""
        start = _key(partition, prefix)
        for key, value in self._from(partition, start):
            if not key.startswith(start):
                return
            if self._has_valid_code(key, value):
                offset, data = unpacked(value)
                yield key.removeprefix(start).decode(), data, offset

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Apply recovered records with a valid code, and never replace a state by an older one.

        A worker that was presumed dead may still send a chunk after its successor did.
        """
        events = list(batch)
        sealed = [event for event in events if self._has_valid_code(event.message.key, event.message.value)]
        if foreign := len(events) - len(sealed):
            METRICS.add(Metric.CHUNKS_REFUSED, foreign, agent=self.app.conf.id.removeprefix("hydrometer-"))
            log.error("%d records of %s have no valid seal and are refused", foreign, self.changelog_topic.get_topic_name())
        newest: dict[tuple[int, bytes], Any] = {}
        for event in sealed:
            key = (event.message.partition, event.message.key)
            known = newest.get(key)
            if known is None or _offset(event.message.value) >= _offset(known.message.value):
                newest[key] = event
        kept = [event for key, event in newest.items() if _offset(event.message.value) >= _offset(self._get(*key))]
        super().apply_changelog_batch(kept)

    def _sealed(self, key: bytes, value: bytes) -> bytes:
        return value + hmac.digest(self._seal_key, key + value, "sha256")[:_CODE_BYTES]

    def _has_valid_code(self, key: bytes | None, value: bytes | None) -> bool:
        """Return whether a record has a valid code. A deletion has none: this table never deletes."""
        if not key or not value or len(value) < _OFFSET.size + _CODE_BYTES:
            return False
        return hmac.compare_digest(value, self._sealed(key, value[:-_CODE_BYTES]))

    async def _send(self, partition: int, key: bytes, value: bytes) -> Any:
        topic = self.changelog_topic.get_topic_name()
        return await self.app.producer.send(topic, key, value, partition, None, None)

    def _keep(self, partition: int, key: bytes, value: bytes) -> None:
        if isinstance(self.data, memory.Store):
            self.data.data[key] = value
            self.data._key_partition[key] = partition  # noqa: SLF001 - by it Faust forgets a partition that left
        else:
            self._database(partition).put(key, value)

    def _get(self, partition: int, key: bytes) -> bytes | None:
        store = self.data.data if isinstance(self.data, memory.Store) else self._database(partition)
        value: bytes | None = store.get(key)
        return value

    def _from(self, partition: int, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        if isinstance(self.data, memory.Store):
            return iter(sorted(item for item in self.data.data.items() if item[0].startswith(start)))
        items: Iterator[tuple[bytes, bytes]] = self._database(partition).items(from_key=start)
        return items

    def _database(self, partition: int) -> Any:
        return cast("rocksdb.Store", self.data)._db_for_partition(partition)  # noqa: SLF001 - Faust asks the current event; there is none


class Archive(MutableMapping[str, bytes]):
    """Entities of a stage that left memory. A new entry is durable after the next checkpoint of the stage."""

    def __init__(self, table: ChunkTable, partition: int) -> None:
        """Store the archived entities of one partition in a table."""
        self._table = table
        self._partition = partition
        self._fresh: dict[str, bytes] = {}

    def take(self) -> list[tuple[str, bytes]]:
        """Return the records that are not durable yet. They must be written before the chunks that no longer contain them."""
        return [(ARCHIVE + key, value) for key, value in self._fresh.items()]

    def written(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Record that these records, as taken, are durable."""
        for name, value in records:
            key = name.removeprefix(ARCHIVE)
            if self._fresh.get(key) is value:
                del self._fresh[key]

    def __getitem__(self, key: str) -> bytes:
        """Return an archived entity.

        Raises:
            KeyError: If the entity is not archived; an empty value marks a deleted one.
        """
        value = self._fresh[key] if key in self._fresh else self._table.get_record(self._partition, ARCHIVE + key)
        if not value:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: bytes) -> None:
        """Archive an entity."""
        self._fresh[key] = value

    def __delitem__(self, key: str) -> None:
        """Delete an entity."""
        self._fresh[key] = b""

    def __iter__(self) -> Iterator[str]:
        """Yield the keys; this reads the whole archive."""
        durable = (name for name, value, _ in self._table.records(self._partition, ARCHIVE) if value and name not in self._fresh)
        yield from (key for key, value in self._fresh.items() if value)
        yield from durable

    def __len__(self) -> int:
        """Return the number of keys; this reads the whole archive."""
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        """Return whether an entity is archived."""
        return isinstance(key, str) and self.get(key) is not None


CHUNK = "chunk/"
ARCHIVE = "archive/"
"""Prefixes of the two kinds of names in the table."""


def unpacked(value: bytes) -> tuple[int, bytes]:
    """Return the input offset and the bytes of a value of the changelog."""
    return _offset(value), value[_OFFSET.size : -_CODE_BYTES]


def _key(partition: int, name: str) -> bytes:
    return f"{partition}/{name}".encode()


def _offset(value: bytes | None) -> int:
    return -1 if value is None or len(value) < _OFFSET.size else int(_OFFSET.unpack_from(value)[0])
