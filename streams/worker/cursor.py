"""The next expected record of a partition. Pure: times are arguments, in seconds of any monotonic clock."""

from __future__ import annotations

from enum import Enum
from typing import Final

REWIND_PAUSE_SECONDS: Final = 1.0
"""Time to wait for the expected record before the consumer seeks back to it again."""
MAX_REWINDS: Final = 5
"""Failed attempts after which Kafka has no record between."""


class Turn(Enum):
    """Decision about a record."""

    TAKE = "it is the next"
    PASS = "it came before, or its turn has not come and what was left out is on its way"  # noqa: S105
    REWIND = "records were left out: read back to them, then it comes again"
    HOLE = "records were left out, and reading back does not bring them: they are lost, or were never there"


class Cursor:
    """The position in one partition. Offsets are consecutive, except in compacted topics and at the ends of transactions."""

    def __init__(self, start: int, *, compacted: bool = False) -> None:
        """Expect offset `start` first."""
        self.next = start
        self._compacted = compacted
        self._jump = -1
        self._rewound = 0
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
            self.next = offset + 1
            self._rewound = 0
            return Turn.TAKE
        if now - self._at < REWIND_PAUSE_SECONDS:
            return Turn.PASS
        if self._rewound >= MAX_REWINDS:
            return Turn.HOLE
        self._at, self._jump, self._rewound = now, offset, self._rewound + 1
        return Turn.REWIND

    def skip_to(self, offset: int) -> None:
        """Expect this offset next: no record has one before it."""
        self.next, self._rewound = offset, 0
