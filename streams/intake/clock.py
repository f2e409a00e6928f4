"""Which event times are plausible. Live lines are compared with their arrival, lines of a file with the file itself.

A file may be of last year, so its own largest time so far is its arrival. One wrong clock must not move that: a jump ahead by more than
the allowed skew is refused when most of the next eight lines lie back before it by more than that. So a quiet week passes, and a stray
line of the year 2090 is refused alone. What lies outside 2015..2100 is always refused. Lines that go back further than the skew are
refused too: a file is expected to be in order of time, within a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from streams.schema.event import EARLIEST, LATEST

MAX_WITNESS_LINES: Final = 8
"""Lines after a jump ahead that decide whether it is refused."""


def is_plausible(time: float, arrival: float, skew: float, past: float) -> bool:
    """Return whether a live event's time is plausible: at most `skew` s after its arrival, `past` s before it, and in 2015..2100."""
    return arrival - past <= time <= arrival + skew and EARLIEST <= time <= LATEST


class FileClock:
    """The clock of one file: the largest plausible time so far."""

    def __init__(self, skew: float) -> None:
        """Start unset. `skew` is in seconds."""
        self._skew = skew
        self._latest: float | None = None

    def plausible(self, times: Sequence[float]) -> list[bool]:
        """Return for each of the file's next times (seconds since 1970) whether it is plausible."""
        return [EARLIEST <= time <= LATEST and self._fits(time, times, index) for index, time in enumerate(times)]

    def _fits(self, time: float, times: Sequence[float], index: int) -> bool:
        if self._latest is None or time > self._latest + self._skew:
            others = [other for other in islice(times, index + 1, None) if EARLIEST <= other <= LATEST][:MAX_WITNESS_LINES]
            if 2 * sum(other < time - self._skew for other in others) > len(others):
                return False
            self._latest = time
        self._latest = max(self._latest, time)
        return time >= self._latest - self._skew
