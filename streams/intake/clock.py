"""Which event times to believe. Live lines are compared with their arrival, lines of a file with the file itself.

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

WITNESSES: Final = 8
"""Lines that are asked about a jump."""


def near(time: float, arrival: float, skew: float, past: float) -> bool:
    """Tell whether a live event's time is believed: at most `skew` seconds after its arrival and `past` before, and of this century."""
    return arrival - past <= time <= arrival + skew and EARLIEST <= time <= LATEST


class FileClock:
    """The clock of one file: the largest time that was believed so far."""

    def __init__(self, skew: float) -> None:
        """Start unset. `skew` is in seconds."""
        self._skew = skew
        self._latest: float | None = None

    def believed(self, times: Sequence[float]) -> list[bool]:
        """Tell of each of the next times of the file whether it is believed."""
        return [EARLIEST <= time <= LATEST and self._fits(time, times, place) for place, time in enumerate(times)]

    def _fits(self, time: float, times: Sequence[float], place: int) -> bool:
        if self._latest is None or time > self._latest + self._skew:
            others = [each for each in islice(times, place + 1, None) if EARLIEST <= each <= LATEST][:WITNESSES]
            if 2 * sum(each < time - self._skew for each in others) > len(others):
                return False
            self._latest = time
        self._latest = max(self._latest, time)
        return time >= self._latest - self._skew
