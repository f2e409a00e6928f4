"""Which event times to believe. Live lines are compared with their arrival, lines of a file with the file itself.

A clock may be hours behind (a log shipped late), but only minutes ahead: an event of tomorrow would take the clocks of state there with it,
and everything until then would look late. So an event that is further ahead counts at its arrival: the request was made, only its time is
wrong. What is ahead or behind by days is refused, as `clock_ahead` or `time_skew`, and so is what lies outside 2015..2100.

A file may be of last year, so its own largest time so far is its arrival. It need not be in order within an hour, and may be silent for a
week: a jump of more than an hour is believed only if most of the next eight lines follow it. So the week passes, and a stray line of
tomorrow moves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from streams.schema.event import MAX_TIME_SECONDS, MIN_TIME_SECONDS

MAX_WITNESS_LINES: Final = 8
"""Lines after a jump ahead that decide whether it is believed."""
DISORDER_SECONDS: Final = 3_600.0
"""How far from order the lines of a file may be: it is no clock that is wrong."""
LARGEST_CORRECTION_SECONDS: Final = 86_400.0
"""How far ahead an event may be and still count, at its arrival."""

AHEAD: Final = "clock_ahead"
SKEW: Final = "time_skew"


def event_time(time: float, arrival: float, ahead: float, behind: float) -> float | str:
    """Return when a live event counts, or the reason for which it is refused.

    Believed are times from `behind` seconds before the arrival to `ahead` seconds after it; up to a day after it the arrival counts.
    """
    if not (MIN_TIME_SECONDS <= time <= MAX_TIME_SECONDS and time >= arrival - behind):
        return SKEW
    if time <= arrival + ahead:
        return time
    return arrival if time <= arrival + LARGEST_CORRECTION_SECONDS else AHEAD


class FileClock:
    """The clock of one file: the largest plausible time so far."""

    def __init__(self, ahead: float, behind: float) -> None:
        """Start unset. Both are in seconds, as in `event_time`."""
        self._ahead = ahead + DISORDER_SECONDS
        self._behind = behind
        self._latest: float | None = None

    def event_times(self, times: Sequence[float]) -> list[float | str]:
        """Return when each of the next events of the file counts, or the reason for which it is refused."""
        return [self._event_time(time, times, index) for index, time in enumerate(times)]

    def _event_time(self, time: float, times: Sequence[float], index: int) -> float | str:
        if not MIN_TIME_SECONDS <= time <= MAX_TIME_SECONDS:
            return SKEW
        if self._latest is None or time > self._latest + self._ahead:
            others = [other for other in islice(times, index + 1, None) if MIN_TIME_SECONDS <= other <= MAX_TIME_SECONDS][
                :MAX_WITNESS_LINES
            ]
            if 2 * sum(other < time - self._ahead for other in others) > len(others):
                now = others[0] if self._latest is None else self._latest
                return now if time <= now + LARGEST_CORRECTION_SECONDS else AHEAD
            self._latest = time
        self._latest = max(self._latest, time)
        return SKEW if time < self._latest - self._behind else time
