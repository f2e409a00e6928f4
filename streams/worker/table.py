"""The Faust table of a stage: its chunks and its archive, in Kafka (a compacted changelog) and on local disk (RocksDB).

Faust's own `table[key] = value` writes the local copy first and sends the changelog some time later. Here it is the other way round,
and explicit: a record is *written* when the changelog has confirmed it. What is on disk is then always a prefix of the changelog, and
a partition that moves to another worker and back finds one history only.

A worker may freeze, lose its partitions, wake up and still write. So a partition has one owner at a time, as in a log with fencing
tokens: who takes it over first *claims* it, with a record whose epoch is higher than any before. From there on, records of a lower epoch
do not count, wherever they stand. A writer sees from the offsets of its records whether somebody else wrote between them; it then reads
what that was, and either rewrites what an earlier owner wrote over, or stops because it was succeeded itself (`FencedError`).

Each record is sealed (`streams.worker.stored`). One without a code of ours, of another writer or damaged, is set aside and counted.
A deletion is a sealed record without bytes, as fenced as any other, and after it a tombstone, by which Kafka forgets the key as well. A
tombstone alone deletes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from itertools import islice, takewhile
from types import SimpleNamespace
from typing import Any, cast

import faust
from faust.stores import memory, rocksdb
from faust.tables.manager import TableManager
from faust.types import TP

from streams.core.errors import DiskFullError
from streams.kafka.empty_offsets import EMPTY
from streams.kafka.log_range import LogRecord, ReadRange
from streams.schema import topics
from streams.telemetry.metrics import METRICS, Metric
from streams.worker.stored import NO_OFFSET, Seal, Stamp, Stored

log = logging.getLogger(__name__)


MIN_FREE_BYTES = 32 << 20
"""Room on disk that a write needs: RocksDB's log and one of its files, twice."""

_SEALED_BATCH_RECORDS = 1_000


class FencedError(Exception):
    """Another worker has claimed the partition: what this one holds of it is old, and must not be written or acknowledged."""


class ChunkTable(faust.Table[bytes, bytes]):
    """name -> bytes, each pinned to the partition of the input that it was computed from. Keys are `<partition>/<name>`."""

    def __init__(
        self, app: faust.App, *, seal_key: bytes, read_range: ReadRange, previous_seal_key: bytes | None = None, **options: Any
    ) -> None:
        """Make a table of Faust's.

        Args:
            app: The app that it belongs to.
            seal_key: Records are sealed under it.
            read_range: Reads its changelog again.
            previous_seal_key: The key before: what it sealed is read, and sealed anew when a partition is claimed.
            options: Faust's own.
        """
        super().__init__(app, **options)
        self._seal = Seal(seal_key, previous_seal_key)
        self.read_range = read_range
        self._epochs: dict[int, int] = {}
        self._unbroken: set[int] = set()
        self._ends: dict[int, int] = {}  # the last changelog offset that we know what it holds
        self._overwritten: defaultdict[int, set[bytes]] = defaultdict(set)  # keys whose newest record in the log does not count
        self._unreadable: defaultdict[int, set[bytes]] = defaultdict(set)  # keys whose newest record in the log has no code of ours

    def recover(self, tp: TP) -> None:
        """Read the changelog of a partition from where the local copy ends: what Faust does in a worker, for who only looks."""
        end = self.data.persisted_offset(tp)
        self._take_over(tp, 0 if end is None else end + 1, None)

    def pass_empty(self) -> None:
        """Let Faust's recovery pass over offsets of the changelog without a record: it waits for one at the last offset."""
        offsets = cast("TableManager", self.app.tables).recovery.active_offsets
        for tp, offset in offsets.items():
            if offset is not None:
                offsets[tp] = EMPTY.behind(tp.topic, tp.partition, offset + 1) - 1

    async def claim(self, partition: int) -> int:
        """Become the owner of a partition that Faust has recovered.

        What an earlier owner wrote after the end of the recovery and before the claim counts, and is taken over. A damaged record is
        restored from the changelog. Returns the first input offset that the state may lack: 0 without any state, NO_OFFSET when it is
        from before there were epochs, and what a lost record lacked when it was last readable.
        """
        tp = TP(self.changelog_topic.get_topic_name(), partition)
        key, end = _key(partition, OWNER), self._recovered_to(tp)
        last_epoch = self._epochs.pop(partition, None)
        lost_from = await asyncio.to_thread(self._mend, tp)
        while True:
            owner, read_from = self._owner(partition), self.read_from(partition)
            read_from = read_from if lost_from is None else lost_from if read_from == NO_OFFSET else min(read_from, lost_from)
            claimed = Stamp(owner.epoch + 1, owner.complete_to, read_from)
            value = self._seal.packed(key, claimed, b"")
            [offset] = await self._confirmed(partition, [(key, value)])
            if offset > end + 1:
                await asyncio.to_thread(self._take_over, tp, end + 1, offset - 1)
            end = offset
            if self._owner(partition) == owner:  # nobody wrote down anything else meanwhile
                break
        self._keep(partition, key, value)
        self.data.set_persisted_offset(tp, offset)
        self._epochs[partition], self._ends[partition] = claimed.epoch, offset
        self._unbroken -= {partition}
        if lost_from is None and owner.epoch == last_epoch:
            self._unbroken.add(partition)
        await self._repair(partition)
        await self._seal_anew(partition)
        return read_from

    def is_unbroken(self, partition: int) -> bool:
        """Return whether the last claim followed one of this worker: no other owned the partition between, and no record was damaged."""
        return partition in self._unbroken

    async def write(self, partition: int, records: Sequence[tuple[str, bytes]], complete_to: int, read_from: int) -> None:
        """Make records durable, in their order; they contain every block of the partition up to `complete_to`.

        `read_from` is the first input offset that is not acknowledged. Returns when Kafka has confirmed the records. The last one goes
        alone, after the others are confirmed: a broker may report the start of its last batch as the end of a partition (Tansu does), and
        recovery stops at that end. Raises FencedError when another worker owns the partition by now.
        """
        stamp = Stamp(self._epochs[partition], complete_to, read_from)
        pairs = [(key := _key(partition, name), self._seal.packed(key, stamp, data)) for name, data in records]
        for part in (pairs[:-1], pairs[-1:]):
            await self._write(partition, part)
        await self._repair(partition)

    async def note_acknowledged(self, partition: int, complete_to: int, read_from: int) -> None:
        """Write down, before Kafka knows, that all up to the offset `complete_to` is durable, and where a reader would start (`read_from`).

        Raises FencedError.
        """
        await self.write(partition, [(OWNER, b"")], complete_to, read_from)

    def read_from(self, partition: int) -> int:
        """Return the first input offset that the state may lack: 0 without any, NO_OFFSET when it is from before there were epochs."""
        owner = self._opened(partition, _key(partition, OWNER))
        if owner is not None:
            return owner.stamp.read_from
        return NO_OFFSET if any(True for _ in self.records(partition, CHUNK)) else 0

    def get_record(self, partition: int, name: str) -> bytes | None:
        """Return one record as the last recovery or write left it."""
        stored = self._opened(partition, _key(partition, name))
        return None if stored is None else stored.data

    def records(self, partition: int, prefix: str, after: str = "") -> Iterator[tuple[str, bytes, int]]:
        """Yield name (without the prefix), bytes and offset of every record whose name starts with `prefix`, from `after` on."""
        start = _key(partition, prefix)
        for key, value in self._from(partition, start + after.encode()):
            if not key.startswith(start):
                return
            stored = self._seal.opened(key, value)
            if stored is not None and stored.data:
                yield key.removeprefix(start).decode(), stored.data, stored.stamp.complete_to

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """Take over recovered records, in the order of the log: those that are ours, and of no earlier owner than the last claim before."""
        newest: dict[tuple[int, bytes], tuple[Stamp, Any]] = {}
        refused = late = 0
        owners: dict[int, Stamp] = {}
        for event in batch:
            partition, key = event.message.partition, event.message.key
            if event.message.value is None:
                refused += not self._bury(partition, key, newest)
                continue
            stored = self._seal.opened(key, event.message.value)
            if stored is None:
                refused += 1
                if key and key.startswith(_key(partition, "")):
                    self._unreadable[partition].add(key)
                continue
            owner = owners.setdefault(partition, self._owner(partition))
            if stored.stamp.epoch < owner.epoch:
                late += 1
                self._overwritten[partition].add(key)
                continue
            if key == _key(partition, OWNER) or stored.stamp.epoch > owner.epoch:
                owners[partition] = stored.stamp
            held = newest[partition, key][0] if (partition, key) in newest else self._stamp(partition, key)
            if held is None or stored.stamp[:2] >= held[:2]:
                newest[partition, key] = stored.stamp, event
                self._overwritten[partition].discard(key)
                self._unreadable[partition].discard(key)
        self._report(refused, late)
        super().apply_changelog_batch([event for _, event in newest.values()])

    def _bury(self, partition: int, key: bytes | None, newest: dict[tuple[int, bytes], tuple[Stamp, Any]]) -> bool:
        """Forget a key that a sealed record has deleted, and return True. Of any other key the record is to be written again."""
        if not key:
            return False
        event = newest.get((partition, key))
        value = event[1].message.value if event else self._get(partition, key)
        if value is not None and not self._is_deletion(partition, key, value):
            self._overwritten[partition].add(key)
            return False
        newest.pop((partition, key), None)
        self._discard(partition, key)
        return True

    @staticmethod
    def as_event(tp: TP, record: LogRecord) -> Any:
        """Return a record of the changelog as Faust's recovery hands it over."""
        message = SimpleNamespace(tp=tp, **tp._asdict(), **record._asdict())
        return SimpleNamespace(key=record.key, value=record.value, message=message)

    def _report(self, refused: int, late: int) -> None:
        agent, topic = topics.agent_of(self.app.conf.id), self.changelog_topic.get_topic_name()
        if refused:
            METRICS.add(Metric.CHUNKS_REFUSED, refused, agent=agent)
            log.error("%d records of %s carry no seal of ours: set aside", refused, topic)
        if late:
            METRICS.add(Metric.WRITES_FENCED, late, agent=agent)
            log.warning("%d records of %s were written by a worker that had lost its partition: set aside", late, topic)

    async def _write(self, partition: int, pairs: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Write records, take notice of what others wrote between them, and only then keep them on disk. Deletions get a tombstone.

        Raises DiskFullError before anything is written.
        """
        self._check_room()
        offsets = await self._confirmed(partition, pairs)
        tp = TP(self.changelog_topic.get_topic_name(), partition)
        expected = self._ends[partition] + 1
        for offset in sorted(offsets):
            if offset > expected:
                await self._check_foreign_records(tp, expected, offset - 1)
            expected = offset + 1
        for key, value in pairs:
            if value is None:
                self._discard(partition, key)
            else:
                self._keep(partition, key, value)
            self._overwritten[partition].discard(key)
        if offsets:
            self._ends[partition] = max(offsets)
            self.data.set_persisted_offset(tp, self._ends[partition])
        deleted = [key for key, value in pairs if value is not None and self._is_deletion(partition, key, value)]
        if deleted:
            await self._write(partition, [(key, None) for key in deleted])

    async def _check_foreign_records(self, tp: TP, first: int, last: int) -> None:
        """Read what stands between records of ours. A resent record of our own epoch changes nothing."""
        own_epoch = self._epochs[tp.partition]
        for record in await asyncio.to_thread(self.read_range, tp.topic, tp.partition, first, last):
            stored = self._seal.opened(record.key, record.value)
            if record.value is None and record.key:
                self._overwritten[tp.partition].add(record.key)
            elif stored is None or record.key is None:
                self._report(refused=1, late=0)
            elif stored.stamp.epoch > own_epoch:
                METRICS.add(Metric.OWNERS_FENCED, agent=topics.agent_of(self.app.conf.id))
                raise FencedError(f"{tp.topic}/{tp.partition} has an owner of epoch {stored.stamp.epoch}, ours is {own_epoch}")
            elif stored.stamp.epoch < own_epoch:
                self._report(refused=0, late=1)
                self._overwritten[tp.partition].add(record.key)

    def _take_over(self, tp: TP, first: int, last: int | None) -> None:
        read = self.read_range(tp.topic, tp.partition, first, last)
        self.apply_changelog_batch([self.as_event(tp, record) for record in read])

    def _mend(self, tp: TP) -> int | None:
        """Restore the records of a partition whose newest value is damaged, on disk or in the changelog, from what the changelog keeps.

        Returns the first input offset that they lack then; None when they lack nothing.
        """
        on_disk = {key for key, value in self._all(tp.partition) if self._seal.opened(key, value) is None}
        in_log = self._unreadable.pop(tp.partition, set())
        if not on_disk and not in_log:
            return None
        readable, owner, lost = dict[bytes, tuple[bytes, Stamp]](), 0, set[bytes]()
        for record in self.read_range(tp.topic, tp.partition, 0, None):
            stored, key = self._seal.opened(record.key, record.value), record.key or b""
            if record.value is None:
                continue
            if stored is None:
                lost.add(key)
            elif stored.stamp.epoch >= owner:
                owner = stored.stamp.epoch
                readable[key] = record.value or b"", stored.stamp
                lost.discard(key)
        for key in on_disk | in_log:
            if key in readable:
                self._keep(tp.partition, key, readable[key][0])
            else:
                self._discard(tp.partition, key)
        gone = {key for key in on_disk | in_log if key in lost or key not in readable}
        self._report(refused=len(on_disk), late=0)
        names = ", ".join(sorted(key.decode(errors="replace") for key in gone)[:10])
        log.error("%s/%d: %d damaged records: %d restored", *tp, len(on_disk | in_log), len(on_disk | in_log) - len(gone))
        if not gone:
            return None
        lacks = min(max(readable[key][1].read_from, 0) if key in readable else 0 for key in gone)
        log.error("%s/%d: lost are the last values of %s: their input is read again from offset %d", *tp, names, lacks)
        return lacks

    async def _repair(self, partition: int) -> None:
        """Write again what an earlier owner wrote over: compaction keeps the last record of a key, whoever wrote it."""
        while keys := self._overwritten.pop(partition, None):
            await self._write_again(partition, keys)
            log.warning(
                "%s/%d: %d records were written over, and are restored", self.changelog_topic.get_topic_name(), partition, len(keys)
            )

    async def _seal_anew(self, partition: int) -> None:
        """Write again what is sealed under the key before, so that nothing needs that key any more."""
        old = [key for key, value in self._all(partition) if self._seal.is_old(key, value)]
        for start in range(0, len(old), _SEALED_BATCH_RECORDS):
            await self._write_again(partition, old[start : start + _SEALED_BATCH_RECORDS])
        if old:
            log.info("%s/%d: %d records are sealed anew", self.changelog_topic.get_topic_name(), partition, len(old))

    async def _write_again(self, partition: int, keys: Iterable[bytes]) -> None:
        """Write records as they are kept here, in our epoch and under our key."""
        stored = {key: self._opened(partition, key) for key in keys}
        epoch, owner = self._epochs[partition], self._owner(partition)
        missing = Stored(Stamp(epoch, owner.complete_to, owner.read_from), b"")
        restored = ((key, old or missing) for key, old in stored.items())
        await self._write(partition, [(key, self._seal.packed(key, old.stamp._replace(epoch=epoch), old.data)) for key, old in restored])

    def _check_room(self) -> None:
        """Raise DiskFullError when RocksDB may fail at its next write: its own error comes too late, and does not say what to do."""
        folder = self.app.conf.datadir
        if not isinstance(self.data, memory.Store) and (free := shutil.disk_usage(folder).free) < MIN_FREE_BYTES:
            raise DiskFullError(
                f"the disk of {folder} is full ({free >> 20} MB free, {MIN_FREE_BYTES >> 20} are needed): free some space, then start the "
                "worker again; it goes on where it was"
            )

    def _recovered_to(self, tp: TP) -> int:
        end = cast("TableManager", self.app.tables).recovery.active_offsets.get(tp)
        return -1 if end is None else end

    async def _confirmed(self, partition: int, pairs: Sequence[tuple[bytes, bytes | None]]) -> list[int]:
        """Send records, and return their offsets once Kafka has confirmed them."""
        topic = self.changelog_topic.get_topic_name()
        sent = [await self.app.producer.send(topic, key, value, partition, None, None) for key, value in pairs]
        return [metadata.offset for metadata in await asyncio.gather(*sent)]

    def _owner(self, partition: int) -> Stamp:
        return self._stamp(partition, _key(partition, OWNER)) or Stamp(0, -1, NO_OFFSET)

    def _stamp(self, partition: int, key: bytes) -> Stamp | None:
        stored = self._opened(partition, key)
        return None if stored is None else stored.stamp

    def _opened(self, partition: int, key: bytes) -> Stored | None:
        return self._seal.opened(key, self._get(partition, key))

    def _is_deletion(self, partition: int, key: bytes, value: bytes) -> bool:
        stored = self._seal.opened(key, value)
        return stored is not None and not stored.data and key != _key(partition, OWNER)

    def _keep(self, partition: int, key: bytes, value: bytes) -> None:
        if isinstance(self.data, memory.Store):
            self.data.data[key] = value
            self.data._key_partition[key] = partition  # noqa: SLF001 - by it Faust forgets a partition that left
        else:
            self._database(partition).put(key, value)

    def _discard(self, partition: int, key: bytes) -> None:
        if isinstance(self.data, memory.Store):
            self.data.data.pop(key, None)
        else:
            self._database(partition).delete(key)

    def _all(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        prefix = _key(partition, "")
        return takewhile(lambda item: item[0].startswith(prefix), self._from(partition, prefix))

    def _get(self, partition: int, key: bytes) -> bytes | None:
        store = self.data.data if isinstance(self.data, memory.Store) else self._database(partition)
        value: bytes | None = store.get(key)
        return value

    def _from(self, partition: int, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        if isinstance(self.data, memory.Store):
            return iter(sorted(item for item in self.data.data.items() if item[0] >= start))
        items: Iterator[tuple[bytes, bytes]] = self._database(partition).items(from_key=start)
        return items

    def _database(self, partition: int) -> Any:
        return cast("rocksdb.Store", self.data)._db_for_partition(partition)  # noqa: SLF001 - Faust asks the current event; there is none


class StoredArchive(MutableMapping[str, bytes]):
    """Entities of a stage that left memory. A new entry is durable after the next checkpoint of the stage."""

    def __init__(self, table: ChunkTable, partition: int) -> None:
        """Store the archived entities of one partition in a table."""
        self._table = table
        self._partition = partition
        self._fresh: dict[str, bytes] = {}

    def pending(self) -> list[tuple[str, bytes]]:
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

    def page(self, after: str, most: int) -> list[tuple[str, bytes]]:
        """Return the next durable entities after this key in the order of their keys, at most `most`, fewer only at the end."""
        records = self._table.records(self._partition, ARCHIVE, after)
        durable = ((name, value) for name, value, _ in records if name > after and name not in self._fresh)
        return list(islice(durable, most))

    def __contains__(self, key: object) -> bool:
        """Return whether an entity is archived."""
        return isinstance(key, str) and self.get(key) is not None


CHUNK = "chunk/"
"""Begins the names of a stage's chunks in the table."""
ARCHIVE = "archive/"
"""Begins the names of archived entities in the table."""
OWNER = "owner"
"""Name of the record of a partition's owner: its epoch, and from where input must be read."""


def _key(partition: int, name: str) -> bytes:
    return f"{partition}/{name}".encode()
