"""Keeps feedback near in event time: a partition that catches up judges as one that lived through the same days.

Accounts send rows to the groups, and feedback comes back a second later. While a backlog is read, one second covers an hour of event time;
a partition that far ahead is scored without that hour's feedback. So a partition of accounts that is behind sends *marks* with its rows: up
to where its next block reaches. Each partition of groups sends back the lowest mark of all partitions, behind the feedback that came before
it. A block that reaches further than MAX_FEEDBACK_LAG_SECONDS beyond that waits. A partition at the end of its input holds nobody up: its
mark is infinite, and stays so while it keeps up with events of now, a fetch behind the end at times. Where old events are pushed, as a
file's are, the end of the input is only where the sender is: then a partition has come to its end when nothing has come for a while (the
setting `backlog_end_seconds`).

Marks are no state. A partition of groups that is loaded knows of none: it sends back UNKNOWN_EPOCH_SECONDS, and whoever gets an earlier
time than before sends its own mark again.

Pure: times are arguments, in seconds of event time or of any monotonic clock.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import msgspec
from faust.types.tuples import Message as Record

from streams.core.typed_json import read_json

MARK: Final = b"mark"
"""The key of a mark, on the topics of rows and of feedback."""
MAX_FEEDBACK_LAG_SECONDS: Final = 60.0
"""Event time by which a partition may be ahead of its feedback."""
MARK_INTERVAL_SECONDS: Final = 20.0
"""Event time between two marks of a partition that is behind, and how far one may be behind that keeps up."""
LIVE_SECONDS: Final = 600.0
"""Time from a block's events to its arrival from which it is a backlog, also where it is the newest one."""
PATIENCE_SECONDS: Final = 60.0
"""Time without any mark after which a partition no longer waits: the groups stage is away. It is longer than a rebalance."""
MAX_LOOK_SECONDS: Final = 2.0
"""Time that counts at most between two looks: who was kept from working for longer could not have read a mark either."""
MARK_AGAIN_SECONDS: Final = 10.0
"""Time after which a partition sends its mark again that has had nothing else to say."""
UNKNOWN_EPOCH_SECONDS: Final = 0.0
"""The time that a partition of groups sends back before it knows any mark, epoch seconds."""
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
    """Up to where its next block reaches, epoch seconds; infinite (null in JSON) at the end of its input."""

    def encode(self) -> bytes:
        """Return the mark as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, value: bytes) -> Mark:
        """Read a mark. Raises msgspec.DecodeError."""
        mark = read_json(value, cls)
        return cls(mark.source, math.inf) if mark.time is None else mark


class Slowest:
    """The marks of all partitions, and the lowest of them."""

    def __init__(self, partitions: int) -> None:
        """Start without marks: nobody knows how far the slowest is."""
        self.times = dict.fromkeys(range(partitions), -math.inf)

    @property
    def time(self) -> float:
        """Return the lowest mark; minus infinity until every partition has sent one."""
        return min(self.times.values(), default=-math.inf)

    def record_mark(self, mark: Mark) -> bool:
        """Take a mark, and return whether the lowest has changed."""
        before = self.time
        if mark.source in self.times and mark.time is not None:
            self.times[mark.source] = mark.time
        return self.time != before


class Pace:
    """One partition that may run ahead of its feedback."""

    def __init__(self, partitions: int, newest: float, now: float, end_seconds: float) -> None:
        """Start without marks.

        Args:
            partitions: Partitions of the stage that sends marks back.
            newest: The newest event of the loaded state, epoch seconds, minus infinity without any.
            now: Seconds of a monotonic clock.
            end_seconds: Time without a record after which a backlog is over: until then its sender may only have paused.
        """
        self.waiting: deque[tuple[Record, float]] = deque()
        """Records whose turn has come, each with its newest event."""
        self.waiting_bytes = 0
        self._feedback = Slowest(partitions)
        self._newest = self._start = newest
        self._sent = math.nan
        self._is_live, self._came_at, self._end_seconds = True, -math.inf, end_seconds
        self._age, self._ended_at = math.inf, -math.inf  # of the last record at its arrival, and when its end was last reached
        self._turned = newest  # the first mark since the end of the input
        self._sent_at = self._looked_at = now
        self._waited = 0.0  # since the last mark, or the last one sent that has an answer to come

    @property
    def is_free(self) -> bool:
        """Whether nothing waits, and nobody is behind or the groups stage is away: a block may reach as far as it will."""
        return not self.waiting and (self._slowest == math.inf or self._waited >= PATIENCE_SECONDS)

    def must_wait(self) -> bool:
        """Return whether the next record reaches too far ahead of the feedback, which still moves."""
        ahead = self.waiting[0][1] - max(self._slowest, self._start)
        return ahead > MAX_FEEDBACK_LAG_SECONDS and self._waited < PATIENCE_SECONDS

    @property
    def next_reach(self) -> float:
        """The newest event of the next record, if one waits that may be applied, epoch seconds; else infinite."""
        return self.waiting[0][1] if self.waiting and not self.must_wait() else math.inf

    def advance_to(self, now: float) -> None:
        """Let time pass, seconds of a monotonic clock: called about once a second."""
        self._waited += min(now - self._looked_at, MAX_LOOK_SECONDS)
        self._looked_at = now

    def came(self, reach: float, arrival: float, now: float) -> None:
        """Note that a record came.

        Args:
            reach: Its newest event, epoch seconds.
            arrival: When Kafka got it, epoch seconds.
            now: Seconds of a monotonic clock.
        """
        self._age, self._came_at = arrival - reach, now
        self._is_live = self._age <= LIVE_SECONDS

    def applied(self, newest: float) -> None:
        """Note the newest event of the state, after a block that did not wait."""
        self._newest = newest
        if not math.isfinite(self._start):
            self._start = newest

    def add(self, record: Record, reach: float) -> None:
        """Let a record wait for its turn. reach: its newest event, epoch seconds."""
        self.waiting.append((record, reach))
        self.waiting_bytes += len(record.value or b"")
        if not math.isfinite(self._start):
            self._start = reach

    def pop_next(self) -> Record:
        """Return the next record, which is applied now."""
        record, reach = self.waiting.popleft()
        self.waiting_bytes -= len(record.value or b"")
        self._newest = max(self._newest, reach)
        return record

    def mark_due(self, *, at_end: bool, now: float) -> float | None:
        """Return the time of the mark to send now, None for none: no block of before that time will be applied any more.

        Args:
            at_end: Whether the input has no further record.
            now: Seconds of a monotonic clock.
        """
        has_ended = at_end and (self._is_live or now - self._came_at >= self._end_seconds)
        if has_ended:
            self._ended_at = now
        has_ended |= self._keeps_up(now)
        reached = math.inf if has_ended else max(self._newest, self.waiting[0][1]) if self.waiting else self._newest
        is_first = math.isnan(self._sent) or (self._sent == math.inf and not has_ended)
        moved = is_first or (reached != self._sent and reached - self._sent >= MARK_INTERVAL_SECONDS)
        if reached == -math.inf or not (moved or now - self._sent_at >= MARK_AGAIN_SECONDS):
            return None
        if is_first:
            self._waited = 0.0  # its answer takes a moment
            self._turned = reached
        self._sent, self._sent_at = reached, now
        return reached

    def record_mark(self, mark: Mark) -> None:
        """Take a mark that came back. An earlier one than before may be from a stage that has forgotten ours: it is due again."""
        if mark.time is not None and mark.time < self._feedback.times.get(mark.source, -math.inf):
            self._sent = math.nan
        self._feedback.record_mark(mark)
        self._waited = 0.0

    def _keeps_up(self, now: float) -> bool:
        """Whether what was not read yet can be no older than a mark may be: it came since the end, and comes as it happens."""
        return now - self._ended_at + max(self._age, 0.0) <= MARK_INTERVAL_SECONDS

    @property
    def _slowest(self) -> float:
        """The lowest mark, as far as the answers tell. An infinite one is from before this partition sent its own."""
        answers = self._feedback.times.values()
        return min(self._turned if answer == math.inf and self._sent != math.inf else answer for answer in answers)
