"""Which record of a partition comes next. Pure: times are passed in, in seconds of any clock that only goes forward."""

from __future__ import annotations

from enum import Enum
from typing import Final

REWIND_PAUSE: Final = 1.0
"""Seconds to wait for the record that comes next, before reading back to it again."""
REWINDS: Final = 30
"""Fruitless attempts after which records are taken for lost."""


class Turn(Enum):
    """What to do with a record."""

    TAKE = "it is the next"
    PASS = "it came before, or its turn has not come and what was left out is on its way"  # noqa: S105
    REWIND = "records were left out: read back to them, then it comes again"
    LOST = "records were left out, and reading back does not bring them"


class Cursor:
    """The position in one partition. Offsets follow each other, unless the topic is compacted: then they may jump."""

    def __init__(self, start: int, *, compacted: bool = False) -> None:
        """Expect offset `start` first."""
        self.next = start
        self._compacted = compacted
        self._jump = -1
        self._rewound = 0
        self._at = float("-inf")

    def turn(self, offset: int, now: float) -> Turn:
        """Say what to do with the record of this offset. After TAKE the one behind it is expected."""
        if offset < self.next:
            return Turn.PASS
        if offset == self.next or (self._compacted and offset == self._jump):
            self.next = offset + 1
            self._rewound = 0
            return Turn.TAKE
        if now - self._at < REWIND_PAUSE:
            return Turn.PASS
        if self._rewound >= REWINDS:
            return Turn.LOST
        self._at, self._jump, self._rewound = now, offset, self._rewound + 1
        return Turn.REWIND
