"""Keeps feedback near in event time: a partition that catches up judges as one that lived through the same days.

Accounts send rows to the groups, and verdicts come back. Live, that takes a second. Of a backlog a second is an hour, and who runs ahead by
an hour is judged without the verdicts of that hour. So, while it is behind, a partition of accounts sends *marks* along with its rows: how
far it is. Each partition of groups sends back the lowest mark of all partitions, behind the verdicts that came before it. Who is further
ahead of that than MAX_FEEDBACK_LAG_SECONDS waits. A partition at the end of its input holds nobody up: its mark is infinite.

Pure: times are arguments, in seconds of event time or of any monotonic clock. Marks are no state: they are lost and come again.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import msgspec
from faust.types.tuples import Message as Record

MARK: Final = b"mark"
"""The key of a mark, on the topics of rows and of verdicts."""
MAX_FEEDBACK_LAG_SECONDS: Final = 300.0
"""Event time by which a partition may be ahead of its feedback."""
MARK_INTERVAL_SECONDS: Final = 60.0
"""Event time between two marks of a partition that is behind."""
PATIENCE_SECONDS: Final = 30.0
"""Time without any mark after which a partition no longer waits: the groups stage is away."""
REPEAT_SECONDS: Final = 10.0
"""Time after which an idle partition sends its mark again: the groups stage may have forgotten it."""
MAX_WAITING_BYTES: Final = 64 << 20
"""Bytes of blocks that wait in a partition, above which its agent reads no more."""


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a partition is.

    >>> Mark(3, 1_800_000_000.0).encode()
    b'{"source":3,"time":1800000000.0}'
    >>> Mark.decode(Mark(3, math.inf).encode()).time
    inf
    """

    source: int
    """The partition."""
    time: float | None
    """Its newest event, epoch seconds; infinite (null in JSON) at the end of its input."""

    def encode(self) -> bytes:
        """Return the mark as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, value: bytes) -> Mark:
        """Read a mark. Raises msgspec.DecodeError."""
        mark = msgspec.json.decode(value, type=cls)
        return cls(mark.source, math.inf) if mark.time is None else mark


class Slowest:
    """The marks of all partitions, and the lowest of them."""

    def __init__(self, partitions: int) -> None:
        """Start without marks: nobody knows how far the slowest is."""
        self._times = dict.fromkeys(range(partitions), -math.inf)

    @property
    def time(self) -> float:
        """Return the lowest mark; minus infinity until every partition has sent one."""
        return min(self._times.values(), default=-math.inf)

    def note(self, mark: Mark) -> bool:
        """Take a mark, and return whether the lowest has changed."""
        before = self.time
        if mark.source in self._times and mark.time is not None:
            self._times[mark.source] = mark.time
        return self.time != before


class Pace:
    """One partition that may run ahead of its feedback."""

    def __init__(self, partitions: int, newest: float, now: float) -> None:
        """Start at `newest`, the newest event of the loaded state (epoch seconds, minus infinity without any).

        partitions: of the stage that sends marks back.
        """
        self.waiting: deque[Record] = deque()
        """Records whose turn has come, and which wait."""
        self.waiting_bytes = 0
        self._feedback = Slowest(partitions)
        self._newest = self._start = newest
        self._sent = math.nan
        self._sent_at = self._heard_at = now

    def add(self, record: Record) -> None:
        """Let a record wait for its turn."""
        self.waiting.append(record)
        self.waiting_bytes += len(record.value or b"")

    def take(self) -> Record:
        """Return the next record."""
        record = self.waiting.popleft()
        self.waiting_bytes -= len(record.value or b"")
        return record

    def applied(self, newest: float) -> None:
        """Note the newest event of the state, after a block."""
        self._newest = newest
        if not math.isfinite(self._start):
            self._start = newest

    def mark_due(self, *, at_end: bool, now: float) -> float | None:
        """Return the time of the mark to send now, None for none.

        Args:
            at_end: Whether the input has no further record.
            now: Seconds of a monotonic clock.
        """
        if at_end:
            due = math.inf if self._sent != math.inf or now - self._sent_at >= REPEAT_SECONDS else None
        else:
            moved = not self._newest - self._sent < MARK_INTERVAL_SECONDS  # also before the first mark, and after an endless one
            due = self._newest if math.isfinite(self._newest) and (moved or self._sent == math.inf) else None
        if due is not None:
            if math.isnan(self._sent) or self._sent == math.inf:
                self._heard_at = now  # its answer takes a moment
            self._sent, self._sent_at = due, now
        return due

    def note(self, mark: Mark, now: float) -> None:
        """Take a mark that came back."""
        self._feedback.note(mark)
        self._heard_at = now

    def must_wait(self, now: float) -> bool:
        """Return whether the partition is too far ahead of its feedback, which still moves."""
        behind = self._newest - max(self._feedback.time, self._start)
        return behind > MAX_FEEDBACK_LAG_SECONDS and now - self._heard_at < PATIENCE_SECONDS
