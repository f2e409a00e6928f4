"""The store stage: batches of records, written to ClickHouse so that a crash or a rebalance neither loses nor doubles a row.

ClickHouse forgets a batch that comes twice if it carries the same token and the same rows, so what matters is that a replay cuts its
batches at the same offsets. Cutting at multiples of a number of offsets does that for full batches. A batch that is closed by time
would not: so before any batch is written, its range is *claimed* in the table `batches`, under a deduplication token made of its
*first* offset. Of two claims exactly one is kept; whoever comes later, after a crash or beside a worker that does not know yet that
it lost the partition, reads the claim that stands and cuts there. Ranges so form one chain per partition, whatever the timing.

`docs/decisions/0003-claims-before-rows.md` tells what else was considered. Nothing here imports Faust: the agent calls `Store` in a
thread.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import numpy as np

from streams.clickhouse.client import Columns, RefusedRowsError, retrying
from streams.clickhouse.rows import Insert, Record, inserts, set_aside, set_aside_by_us
from streams.schema import topics
from streams.telemetry.metrics import METRICS, Metric, Registry

T = TypeVar("T")

Place: TypeAlias = tuple[str, int]
"""A topic and a partition."""

OFFSETS: Final = 64
"""A batch ends at a multiple of this many offsets: 64 blocks of 1,024 events are 65,536 rows ..."""
MOST_BYTES: Final = 16 * 1024 * 1024
"""... or at this many bytes ..."""
SECONDS: Final = 5.0
"""... or after this time. Shorter is fresher on the boards, and more parts for ClickHouse to merge."""

_log = logging.getLogger(__name__)


@dataclass
class _Open:
    """The records of one partition that are not written yet, in the order of their offsets."""

    since: float
    records: list[Record] = field(default_factory=list)
    size: int = 0
    claimed: int | None = None
    """The last offset of the range that an earlier life claimed: more than has arrived so far."""


class Batcher:
    """Which records are written together. Pure: time comes in as an argument (seconds of any steady clock)."""

    def __init__(self, offsets: int = OFFSETS, most_bytes: int = MOST_BYTES, seconds: float = SECONDS) -> None:
        """Close a batch at a multiple of `offsets`, at `most_bytes`, or `seconds` after its first record."""
        self._offsets = offsets
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._open: dict[Place, _Open] = {}

    @property
    def places(self) -> list[Place]:
        """The partitions with records that are not written yet."""
        return list(self._open)

    def add(self, record: Record, now: float) -> None:
        """Take one more record. An offset that is not new is a replay: what was held of the partition is read again, so it is dropped."""
        place = (record.topic, record.partition)
        held = self._open.get(place)
        if held is None or record.offset <= held.records[-1].offset:
            held = self._open[place] = _Open(since=now)
        held.records.append(record)
        held.size += len(record.value or b"")

    def cut(self, place: Place, now: float) -> tuple[Record, int] | None:
        """Return the first record and the last offset of a batch that should be written now, or None."""
        held = self._open.get(place)
        if held is None:
            return None
        first, newest = held.records[0], held.records[-1].offset
        if held.claimed is not None:
            return (first, held.claimed) if newest >= held.claimed else None
        end = (first.offset // self._offsets + 1) * self._offsets - 1
        if newest >= end:
            return first, end
        if held.size >= self._most_bytes or now - held.since >= self._seconds:
            return first, newest
        return None

    def batch(self, place: Place, last: int) -> list[Record]:
        """Return the records up to offset `last`; none when it has not arrived yet, and then `cut` waits for it."""
        held = self._open[place]
        if held.records[-1].offset < last:
            held.claimed = last
            return []
        return [record for record in held.records if record.offset <= last]

    def written(self, place: Place, last: int) -> None:
        """Let go of the records up to offset `last`."""
        held = self._open.pop(place)
        rest = [record for record in held.records if record.offset > last]
        if rest:
            self._open[place] = _Open(held.since, rest, sum(len(record.value or b"") for record in rest))

    def forget(self, place: Place) -> None:
        """Drop what is held of a partition that is no longer ours. Its new owner reads it again."""
        self._open.pop(place, None)


class Gateway(Protocol):
    """What the store stage needs of ClickHouse (`streams.clickhouse.client.ClickHouse`)."""

    def insert(self, table: str, columns: Columns, token: str) -> None:
        """Insert columns under a token."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""


class Store:
    """Write records to ClickHouse in batches, and say up to which offset each partition may be acknowledged.

    Synchronous, and for one thread at a time: it blocks while ClickHouse is away, and drops nothing. While `stop` is set it raises
    StoreUnavailableError instead of waiting on, and still holds what it could not write: clear `stop` and it goes on with the next
    call, or leave it, and whoever reads the partition next writes the same batches.
    """

    def __init__(self, clickhouse: Gateway, stop: threading.Event, batcher: Batcher | None = None, metrics: Registry = METRICS) -> None:
        """Write through `clickhouse`, until `stop` is set."""
        self._clickhouse = clickhouse
        self._stop = stop
        self._batcher = batcher or Batcher()
        self._metrics = metrics

    def apply(self, records: Iterable[Record], now: float) -> dict[Place, int]:
        """Take records, in the order of their offsets in each partition; write what is full.

        Returns the last offset that is safely stored, for each partition where it moved: acknowledge everything up to it.
        """
        stored: dict[Place, int] = {}
        for record in records:
            self._batcher.add(record, now)
            stored.update(self._drain((record.topic, record.partition), now))
        return stored

    def due(self, now: float) -> dict[Place, int]:
        """Write what has waited long enough; call it about once a second. Returns the same as `apply`."""
        stored: dict[Place, int] = {}
        for place in self._batcher.places:
            stored.update(self._drain(place, now))
        return stored

    def forget(self, places: Iterable[Place]) -> None:
        """Drop what is held of revoked partitions; call it in the rebalance, before new ones are read."""
        for place in places:
            self._batcher.forget(place)

    def _drain(self, place: Place, now: float) -> dict[Place, int]:
        stored: dict[Place, int] = {}
        while batch := self._batcher.cut(place, now):
            first, wanted = batch
            last = self._claim(first, wanted)
            records = self._batcher.batch(place, last)
            if not records:
                break
            self._write(place, records, _token(records, last))
            self._batcher.written(place, last)  # only now: whoever stops us in between finds everything still held
            stored[place] = records[-1].offset
        return stored

    def _claim(self, first: Record, last: int) -> int:
        """Return the last offset of the batch that starts at `first`: ours, or the one that was claimed before."""
        digest = _digest([first])
        key: dict[str, str | int] = {"topic": first.topic, "partition": first.partition, "first": first.offset, "digest": digest}
        row = {name: _one(value) for name, value in {**key, "last": last}.items()}
        token = f"claim-{first.topic}-{first.partition}-{first.offset}-{digest:016x}"

        def claim() -> int:
            self._clickhouse.insert("batches", row, token)
            return int(self._clickhouse.query(_CLAIMED, key)[0][0])

        return self._retrying(claim, "batches")

    def _write(self, place: Place, records: Sequence[Record], token: str) -> None:
        for insert in inserts(place[0], records):
            try:
                self._send(insert, token)
            except RefusedRowsError:
                self._write_singly(insert.table, records, token)

    def _write_singly(self, table: str, records: Sequence[Record], token: str) -> None:
        """Find the record that ClickHouse refuses, and set aside that one alone."""
        for record in records:
            for insert in (each for each in inserts(record.topic, [record]) if each.table == table):
                try:
                    self._send(insert, f"{token}-{record.offset}")
                except RefusedRowsError as error:
                    _log.error("%s (%s, partition %d, offset %d)", error, record.topic, record.partition, record.offset)
                    self._send(set_aside(record, "refused"), f"{token}-{record.offset}-refused")

    def _send(self, insert: Insert, token: str) -> None:
        started = time.perf_counter()
        self._retrying(lambda: self._clickhouse.insert(insert.table, insert.columns, token), insert.table)
        self._metrics.observe(Metric.INSERT_SECONDS, time.perf_counter() - started, table=insert.table)
        self._metrics.add(Metric.ROWS_WRITTEN, insert.rows, table=insert.table)
        if refused := set_aside_by_us(insert):
            self._metrics.add(Metric.BLOCKS_REFUSED, refused, agent=topics.STORE_AGENT)

    def _retrying(self, action: Callable[[], T], table: str) -> T:
        return retrying(action, self._stop, lambda: self._metrics.add(Metric.INSERT_RETRIES, table=table))


_CLAIMED: Final = """
SELECT argMin(last, claimed_at) FROM batches
WHERE topic = %(topic)s AND partition = %(partition)s AND first = %(first)s AND digest = %(digest)s
"""


def _one(value: str | int) -> np.ndarray[tuple[int, ...], np.dtype[np.object_ | np.uint64]]:
    return np.array([value], object if isinstance(value, str) else np.uint64)


def _digest(records: Sequence[Record]) -> int:
    """Hash the records: a topic made anew repeats its offsets, and ClickHouse must not take the new records for the old."""
    digest = hashlib.blake2b(digest_size=8)
    for record in records:
        digest.update(f"{record.offset}:{len(record.value or b'')}:".encode())
        digest.update(record.value or b"")
    return int.from_bytes(digest.digest(), "big")


def _token(records: Sequence[Record], last: int) -> str:
    first = records[0]
    return f"{first.topic}-{first.partition}-{first.offset}-{last}-{_digest(records):016x}"
