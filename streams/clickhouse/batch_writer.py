"""The store stage: batches of records, written to ClickHouse so that a crash or a rebalance neither loses nor duplicates a row.

ClickHouse ignores a batch that arrives twice with the same token and the same rows, so a replay must cut its
batches at the same offsets. Cutting at multiples of a number of offsets ensures that for full batches. A batch that is closed by time
would not: so before any batch is written, its range is *claimed* in the table `batches`, under a deduplication token made of its
*first* offset. Of two claims exactly one is kept; a later claimant, after a crash or beside a worker that does not know yet that
it lost the partition, reads the claim that stands and cuts there. Ranges so form one chain per partition, whatever the timing.

`docs/decisions/0003-claims-before-rows.md` lists the alternatives. Nothing here imports Faust: the agent calls `BatchWriter` in a
thread.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, TypeAlias, TypeVar

import numpy as np

from streams.clickhouse.client import Columns, RefusedRowsError, retrying
from streams.clickhouse.rows import KafkaRecord, TableRows, inserts, own_dead_letters, set_aside
from streams.core.errors import BlockLayoutError
from streams.core.queries import Queries
from streams.kafka.log_range import ReadRange
from streams.schema import blocks, layouts, topics
from streams.schema.believable_times import arrived, believable
from streams.stages.repeats import RecentEvents
from streams.telemetry.metrics import METRICS, Metric, Registry

T = TypeVar("T")

Partition: TypeAlias = tuple[str, int]
"""A topic and a partition."""

BATCH_OFFSETS: Final = 64
"""A batch ends at a multiple of this many offsets, so that it ends at the same one when it is sent again. The next two end it earlier."""
BATCH_BYTES: Final = 16 * 1024 * 1024
"""Bytes at which a batch ends."""
MAX_BATCH_SECONDS: Final = 5.0
"""Time after which a batch ends. A shorter time makes fresher boards, and more parts for ClickHouse to merge."""

_log = logging.getLogger(__name__)


@dataclass
class _Open:
    """The records of one partition that are not written yet, in the order of their offsets."""

    since: float
    records: list[KafkaRecord] = field(default_factory=list)
    size: int = 0
    claimed: int | None = None
    """The last offset of a range that was claimed before a restart and has not arrived in full yet."""


class Batcher:
    """Decides which records are written together. Pure: time is an argument (seconds of any monotonic clock)."""

    def __init__(self, offsets: int = BATCH_OFFSETS, max_bytes: int = BATCH_BYTES, seconds: float = MAX_BATCH_SECONDS) -> None:
        """Close a batch at a multiple of `offsets`, at `max_bytes`, or `seconds` after its first record."""
        self._offsets = offsets
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._open: dict[Partition, _Open] = {}

    @property
    def partitions(self) -> list[Partition]:
        """The partitions with records that are not written yet."""
        return list(self._open)

    def add(self, record: KafkaRecord, now: float) -> None:
        """Add a record. An offset that is not new is a replay: the partition's open batch will be read again, so it is dropped."""
        partition = (record.topic, record.partition)
        open_batch = self._open.get(partition)
        if open_batch is None or record.offset <= open_batch.records[-1].offset:
            open_batch = self._open[partition] = _Open(since=now)
        open_batch.records.append(record)
        open_batch.size += len(record.value or b"")

    def cut(self, partition: Partition, now: float) -> tuple[KafkaRecord, int] | None:
        """Return the first record and the last offset of a batch to write now; None when none is due."""
        open_batch = self._open.get(partition)
        if open_batch is None:
            return None
        first, newest = open_batch.records[0], open_batch.records[-1].offset
        if open_batch.claimed is not None:
            return (first, open_batch.claimed) if newest >= open_batch.claimed else None
        end = (first.offset // self._offsets + 1) * self._offsets - 1
        if newest >= end:
            return first, end
        if open_batch.size >= self._max_bytes or now - open_batch.since >= self._seconds:
            return first, newest
        return None

    def batch(self, partition: Partition, last: int) -> list[KafkaRecord]:
        """Return the records up to offset `last`; none when it has not arrived yet: then `cut` waits for it."""
        open_batch = self._open[partition]
        if open_batch.records[-1].offset < last:
            open_batch.claimed = last
            return []
        return [record for record in open_batch.records if record.offset <= last]

    def written(self, partition: Partition, last: int) -> None:
        """Drop the records up to offset `last`: they are stored."""
        open_batch = self._open.pop(partition)
        rest = [record for record in open_batch.records if record.offset > last]
        if rest:
            self._open[partition] = _Open(open_batch.since, rest, sum(len(record.value or b"") for record in rest))

    def forget(self, partition: Partition) -> None:
        """Drop the open batch of a revoked partition. Its new owner reads the records again."""
        self._open.pop(partition, None)


class Gateway(Queries, Protocol):
    """The part of `streams.clickhouse.client.ClickHouse` that the store stage uses."""

    def insert(self, table: str, columns: Columns, token: str) -> None:
        """Insert columns under a token."""


class BatchWriter:
    """Writes records to ClickHouse in batches, and returns up to which offset each partition may be acknowledged.

    Synchronous, for one thread at a time: it blocks while ClickHouse is unavailable, and drops nothing. While `stop` is set it raises
    StoreUnavailableError instead of waiting, and keeps the records that it could not write: clear `stop` and it goes on with the next
    call; otherwise the next owner of the partition writes the same batches.
    """

    def __init__(
        self,
        clickhouse: Gateway,
        stop: threading.Event,
        batcher: Batcher | None = None,
        metrics: Registry = METRICS,
        read_range: ReadRange = lambda *_: [],
    ) -> None:
        """Write through `clickhouse`, until `stop` is set. `read_range` reads the blocks before the first one of a partition again."""
        self._clickhouse = clickhouse
        self._stop = stop
        self._batcher = batcher or Batcher()
        self._metrics = metrics
        self._read_range = read_range
        self._recent: dict[Partition, RecentEvents] = {}

    def apply(self, records: Iterable[KafkaRecord], now: float) -> dict[Partition, int]:
        """Add records, in the order of their offsets in each partition; write full batches.

        Returns the last stored offset of each partition where it moved: acknowledge everything up to it.
        """
        stored: dict[Partition, int] = {}
        for record in records:
            self._batcher.add(self._read(record), now)
            stored.update(self._drain((record.topic, record.partition), now))
        return stored

    def due(self, now: float) -> dict[Partition, int]:
        """Write the batches whose time is up; call it about once a second. Returns the same as `apply`."""
        stored: dict[Partition, int] = {}
        for partition in self._batcher.partitions:
            stored.update(self._drain(partition, now))
        return stored

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Drop the open batches of revoked partitions; call it in the rebalance, before new partitions are read."""
        for partition in partitions:
            self._batcher.forget(partition)
            self._recent.pop(partition, None)

    def _read(self, record: KafkaRecord) -> KafkaRecord:
        """Return a record of `requests` with its block, but for rows that become none: repetitions, and times that are not believable."""
        if record.topic != topics.REQUESTS or record.value is None:
            return record
        try:
            block = blocks.decode(record.value, layouts.REQUESTS)
        except BlockLayoutError:
            return record
        repeated = self._recent_events(record).repeated(block, record.offset)
        if count := int(repeated.sum()):
            self._metrics.add(Metric.EVENTS_REPEATED, count, agent=topics.STORE_AGENT)
        arrival = arrived(record.timestamp, time.time())
        unbelievable = ~believable(block.numbers("time"), arrival)
        if count := int(unbelievable.sum()):
            self._metrics.add(Metric.EVENTS_UNBELIEVABLE, count, agent=topics.STORE_AGENT)
        left_out = repeated | unbelievable
        return replace(record, requests=block.take(np.flatnonzero(~left_out)) if left_out.any() else block)

    def _recent_events(self, record: KafkaRecord) -> RecentEvents:
        partition = (record.topic, record.partition)
        if partition not in self._recent:
            recent = RecentEvents()
            first = max(0, record.offset - recent.max_blocks)
            before = self._read_range(*partition, first, record.offset - 1) if record.offset else []
            for known in before:
                recent.recall(known.value or b"", known.offset)
            self._recent[partition] = recent
        return self._recent[partition]

    def _drain(self, partition: Partition, now: float) -> dict[Partition, int]:
        stored: dict[Partition, int] = {}
        while batch := self._batcher.cut(partition, now):
            first, requested_last = batch
            last = self._claim(first, requested_last)
            records = self._batcher.batch(partition, last)
            if not records:
                break
            self._write(partition, records, _token(records, last))
            self._batcher.written(partition, last)  # only now: an error before this line loses nothing
            stored[partition] = records[-1].offset
        return stored

    def _claim(self, first: KafkaRecord, last: int) -> int:
        """Return the last offset of the batch that starts at `first`: `last`, or the one that was claimed before."""
        digest = _digest([first])
        key: dict[str, str | int] = {"topic": first.topic, "partition": first.partition, "first": first.offset, "digest": digest}
        row = {name: _one(value) for name, value in {**key, "last": last}.items()}
        token = f"claim-{first.topic}-{first.partition}-{first.offset}-{digest:016x}"

        def claim() -> int:
            self._clickhouse.insert("batches", row, token)
            return int(self._clickhouse.query(_CLAIMED, key)[0][0])

        return self._retrying(claim, "batches")

    def _write(self, partition: Partition, records: Sequence[KafkaRecord], token: str) -> None:
        for insert in inserts(partition[0], records):
            try:
                self._send(insert, token)
            except RefusedRowsError:
                self._write_singly(insert.table, records, token)

    def _write_singly(self, table: str, records: Sequence[KafkaRecord], token: str) -> None:
        """Write each record by itself, and set aside the ones that ClickHouse refuses."""
        for record in records:
            for insert in (each for each in inserts(record.topic, [record]) if each.table == table):
                try:
                    self._send(insert, f"{token}-{record.offset}")
                except RefusedRowsError as error:
                    _log.error("%s (%s, partition %d, offset %d)", error, record.topic, record.partition, record.offset)
                    self._send(set_aside(record, "refused"), f"{token}-{record.offset}-refused")

    def _send(self, insert: TableRows, token: str) -> None:
        started = time.perf_counter()
        self._retrying(lambda: self._clickhouse.insert(insert.table, insert.columns, token), insert.table)
        self._metrics.observe(Metric.INSERT_SECONDS, time.perf_counter() - started, table=insert.table)
        self._metrics.add(Metric.ROWS_WRITTEN, insert.rows, table=insert.table)
        if refused := own_dead_letters(insert):
            self._metrics.add(Metric.BLOCKS_REFUSED, refused, agent=topics.STORE_AGENT)

    def _retrying(self, action: Callable[[], T], table: str) -> T:
        return retrying(action, self._stop, lambda: self._metrics.add(Metric.INSERT_RETRIES, table=table))


_CLAIMED: Final = """
SELECT argMin(last, claimed_at) FROM batches
WHERE topic = %(topic)s AND partition = %(partition)s AND first = %(first)s AND digest = %(digest)s
"""


def _one(value: str | int) -> np.ndarray[tuple[int, ...], np.dtype[np.object_ | np.uint64]]:
    return np.array([value], object if isinstance(value, str) else np.uint64)


def _digest(records: Sequence[KafkaRecord]) -> int:
    """Hash the records: a recreated topic repeats its offsets, and ClickHouse must not mistake its records for the old ones."""
    digest = hashlib.blake2b(digest_size=8)
    for record in records:
        digest.update(f"{record.offset}:{len(record.value or b'')}:".encode())
        digest.update(record.value or b"")
    return int.from_bytes(digest.digest(), "big")


def _token(records: Sequence[KafkaRecord], last: int) -> str:
    first = records[0]
    return f"{first.topic}-{first.partition}-{first.offset}-{last}-{_digest(records):016x}"
