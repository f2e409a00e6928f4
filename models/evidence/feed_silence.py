"""How surprising a feed's silence is: absence is evidence too, and a habitually quiet night is not.

Time is cut into minutes, busy (at least one event) or not. A silence is measured in *expected busy minutes*: each silent minute adds the
share of minutes that were busy in this hour of the week, so the clock nearly stands still in hours that are quiet by habit. Then it is
asked how often, per busy minute, a silence of this length has followed. Lengths are counted by doublings (1, 2, 4, ... ), and the chance to
reach the next doubling is estimated from those that reached the last: the Kaplan-Meier product (1958) with half an event added to each
step, so that without experience half of all silences go on to double, which is Pareto's tail of exponent 1. No rate need be constant and no
shape is assumed: a feed that comes in bursts has taught how long its pauses are, one that never pauses makes a few minutes stand out.

Score before learning: a silence that was an alert teaches no more than the shortest one that would have been, so that an outage does not
make the next one look ordinary, and a habit that changes for good is still learned, in days.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

BUDGET: Final = 0.01
"""False alerts a day that a feed may give: one in a hundred days."""
HOURS: Final = 168
"""Of a week. An hour has a habit of its own."""
KEEPS: Final = 0.75
"""Share of what was learned that is left after a week: four weeks weigh as much as everything before them."""

_MINUTES = 1440
_HOUR = 60
_DAY = 24
_LENGTHS = 2.0 ** np.arange(15)  # 1 .. 16,384 busy minutes: eleven days
_PRIOR = 0.5


@dataclass(frozen=True)
class Silence:
    """A silence as it stands now."""

    minutes: int
    """Since the last busy minute."""
    length: float
    """The busy minutes that were expected in it."""
    nats: float
    """-ln of the chance that a busy minute of this feed is followed by a silence of this length."""
    false_alerts: float
    """How many silences of this length an ordinary day of this feed has."""

    @property
    def alert(self) -> bool:
        """Tell whether it is rarer than the budget allows."""
        return self.false_alerts < BUDGET


class Absence:
    """One feed: what its hours of the week are like, how long its silences were, and the one that may be going on."""

    def __init__(self) -> None:
        """Start without experience: nothing is surprising before a day has been watched."""
        self._busy, self._watched = np.zeros(HOURS), np.zeros(HOURS)
        self._reached = np.zeros(1 + len(_LENGTHS))
        self._hour, self._pace = -1, 0.0
        self._minutes, self._length = 0, 0.0

    def watch(self, minute: int, *, busy: bool) -> None:
        """Take the next minute (since 1970, each once, in order): it had events, or none. A feed begins with its first busy minute."""
        if not (busy or self._reached[0]):
            return
        hour = minute // _HOUR % HOURS
        if hour != self._hour:
            self._enter(hour)
        self._watched[hour] += 1.0
        if not busy:
            self._minutes += 1
            self._length += self._pace
            return
        self._busy[hour] += 1.0
        self._learn()
        self._minutes, self._length = 0, 0.0

    def silence(self) -> Silence:
        """Return the silence that is going on; one of 0 minutes when the last minute was busy."""
        chance = float(self._chance(self._length))
        return Silence(self._minutes, self._length, 0.0 - math.log(chance), self._busy_a_day() * chance)

    def _enter(self, hour: int) -> None:
        """Begin an hour at its pace: the busy share of the same hour of the weeks before.

        An hour of the week that was never seen goes at the pace of the quietest hour, and stands still before a whole day is known.
        """
        seen = self._watched > 0
        shares = self._busy[seen] / self._watched[seen]
        if seen[hour]:
            self._pace = float(self._busy[hour] / self._watched[hour])
        else:
            self._pace = float(shares.min()) if len(shares) >= _DAY else 0.0
        self._hour = hour
        self._busy[hour] *= KEEPS
        self._watched[hour] *= KEEPS
        self._reached *= KEEPS ** (1 / HOURS)

    def _learn(self) -> None:
        """Count the silence that this busy minute ends (of length 0 as a rule), cut off where it would have become an alert."""
        length = self._length
        if length >= 1.0 and self.silence().alert:
            alerting = self._busy_a_day() * self._chance(_LENGTHS) < BUDGET
            length = min(length, float(_LENGTHS[np.argmax(alerting)]) if alerting.any() else length)
        self._reached[0] += 1.0
        self._reached[1:] += length >= _LENGTHS

    def _busy_a_day(self) -> float:
        watched = self._watched.sum()
        return float(_MINUTES * self._busy.sum() / watched) if watched else float(_MINUTES)

    def _chance(self, length: float | np.ndarray) -> np.ndarray:
        """Return the chance that a busy minute is followed by a silence at least this long, shape as given."""
        steps = (self._reached[1:] + _PRIOR) / (self._reached[:-1] + 2 * _PRIOR)
        nats = np.concatenate(([0.0], np.cumsum(np.log(np.minimum(steps, 1.0)))))
        return np.exp(np.interp(1.0 + np.log2(np.maximum(length, 0.5)), np.arange(len(nats)), nats))
