"""The next expected record of a partition. Pure: times are arguments, in seconds of any monotonic clock."""

from __future__ import annotations

from enum import Enum
from typing import Final

REWIND_PAUSE_SECONDS: Final = 1.0
"""Time to wait for the expected record before the consumer seeks back to it again."""
MAX_REWINDS: Final = 30
"""Failed attempts after which records count as lost."""
MAX_REREADS: Final = 5
"""Attempts that all return the same record, after which no record lies before it."""


class Turn(Enum):
    """Decision about a record."""

    TAKE = "it is the next"
    PASS = "it came before, or its turn has not come and what was left out is on its way"  # noqa: S105
    REWIND = "records were left out: read back to them, then it comes again"
    HOLE = "reading back returns the same record again and again: no record lies before it"
    LOST = "records were left out, and reading back does not return them"


class Cursor:
    """The position in one partition. Offsets are consecutive, except in compacted topics and at the ends of transactions."""

    def __init__(self, start: int, *, compacted: bool = False) -> None:
        """Expect offset `start` first."""
        self.next = start
        self._compacted = compacted
        self._jump = -1
        self._rewound = self._reread = 0
        self._at = float("-inf")

    def turn(self, offset: int, now: float) -> Turn:
        """Return the decision about the record at this offset. After TAKE the next offset is expected.

        Args:
            offset: Offset of the record that arrived.
            now: Seconds of a monotonic clock.
        """
        if offset < self.next:
            return Turn.PASS
        if offset == self.next or (self._compacted and offset == self._jump):
            self.skip_to(offset + 1)
            return Turn.TAKE
        is_reread = self._rewound > 0 and offset <= self._jump  # what was on its way before lies behind the jump
        if not is_reread and now - self._at < REWIND_PAUSE_SECONDS:
            return Turn.PASS
        self._reread = self._reread + 1 if is_reread and offset == self._jump else 0
        if self._reread >= MAX_REREADS:
            return Turn.HOLE
        if self._rewound >= MAX_REWINDS:
            return Turn.LOST
        self._at, self._jump, self._rewound = now, offset, self._rewound + 1
        return Turn.REWIND

    def skip_to(self, offset: int) -> None:
        """Expect this offset next: no record has one before it."""
        self.next, self._at = offset, float("-inf")
        self._rewound = self._reread = 0
