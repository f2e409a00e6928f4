"""Offsets that hold no record: the end of a transaction takes one, and so does what compaction removed from a batch.

Where such offsets are the last of a partition, no record comes by which a reader could acknowledge them, and it would look behind for ever.
Where they stand between records, a reader cannot tell them from records that were lost on the way. A consumer of aiokafka learns of them as
it unpacks what it fetched, and passes over them in silence; here it writes them down.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any, Final

from aiokafka.consumer import fetcher

MAX_RUNS: Final = 256
"""Of each partition; a fetch hands over fewer records at a time."""

_RECORDS: Any = fetcher.PartitionRecords


class EmptyOffsets:
    """The newest runs of offsets without a record, of each partition that this process reads.

    What one consumer saw is true for all, whatever it read before.
    """

    def __init__(self) -> None:
        """Know of none."""
        self._runs: defaultdict[tuple[str, int], deque[tuple[int, int]]] = defaultdict(lambda: deque(maxlen=MAX_RUNS))

    def add(self, topic: str, partition: int, first: int, end: int) -> None:
        """Write down that no record has an offset from `first` to before `end`."""
        runs = self._runs[topic, partition]
        if runs and runs[-1][0] <= first <= runs[-1][1]:
            first = runs.pop()[0]
        runs.append((first, end))

    def behind(self, topic: str, partition: int, offset: int) -> int:
        """Return the first offset from `offset` on that may hold a record.

        >>> empty = EmptyOffsets()
        >>> empty.add("labels", 0, 7, 9)
        >>> empty.behind("labels", 0, 7), empty.behind("labels", 0, 6), empty.behind("labels", 0, 9)
        (9, 6, 9)
        """
        runs = tuple(self._runs[topic, partition])  # a consumer's thread may add one meanwhile
        return next((end for first, end in reversed(runs) if first <= offset < end), offset)


EMPTY: Final = EmptyOffsets()
"""Of this process."""


class WatchedRecords(_RECORDS):  # type: ignore[misc]  # aiokafka is untyped
    """What was fetched of a partition, as aiokafka's own; the offsets without a record are written down."""

    def __init__(self, tp: Any, records: Any, aborted_transactions: Any, fetch_offset: int, *rest: Any, **named: Any) -> None:
        """Begin at the offset that was asked for.

        Args:
            tp: Topic and partition.
            records: The batches.
            aborted_transactions: Of producers whose records a reader of committed records leaves out.
            fetch_offset: The offset that was asked for.
            rest: What else aiokafka gives.
            named: The same, by name.
        """
        super().__init__(tp, records, aborted_transactions, fetch_offset, *rest, **named)
        self._next = fetch_offset

    def __next__(self) -> Any:
        """Return the next record."""
        try:
            record = super().__next__()
        except StopIteration:
            self._pass_to(self.next_fetch_offset)
            raise
        self._pass_to(record.offset)
        self._next = record.offset + 1
        return record

    def _pass_to(self, offset: int) -> None:
        if offset > self._next:
            EMPTY.add(self._tp.topic, self._tp.partition, self._next, offset)
