"""How surprising the silence of a feed is. A silence is unusual in relation to the feed's own pauses and to the hour of the week.

A minute is busy if it has at least one event. A silence is measured in *expected busy minutes*: each silent minute adds the share of
minutes that were busy in this hour of the week, so a silence hardly grows in hours that are usually quiet. The estimate is how often, per
busy minute, a silence of this length has followed. Lengths are counted by doublings (1, 2, 4, ...). The probability to reach the next
doubling is estimated from the silences that reached the last one: the Kaplan-Meier product (1958) with half an event added to each step.
Without experience half of all silences double, which is a Pareto tail of exponent 1. No constant rate and no shape is assumed: a feed with
bursts has long pauses on record, and in a steady feed a few minutes are unusual.

Scores come before learning: a silence that raised an alert is learned only up to the shortest length that would have raised one. So an
outage does not make the next outage look usual, and a lasting change of habit is still learned within days.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.durations import DAY_HOURS

MAX_FALSE_ALERTS_PER_DAY: Final = 0.01
"""False alerts a day allowed for one feed: one in a hundred days."""
WEEK_HOURS: Final = 168
"""Hours of a week, each with its own usual activity."""
WEEKLY_RETENTION_SHARE: Final = 0.75
"""Share of the learned weight that is left after a week."""

_DAY_MINUTES = 1440
_HOUR_MINUTES = 60
_LENGTH_STEPS_MINUTES = 2.0 ** np.arange(15)  # 1 .. 16,384 busy minutes: eleven days
_PRIOR_EVENTS = 0.5


@dataclass(frozen=True)
class Silence:
    """The current silence of a feed."""

    minutes: int
    """Minutes since the last busy minute."""
    length: float
    """Busy minutes expected in that time."""
    nats: float
    """-ln of the probability that a busy minute of this feed is followed by a silence of this length or more."""
    false_alerts: float
    """Expected silences of this length or more on an ordinary day of this feed."""

    @property
    def alert(self) -> bool:
        """Whether the silence is rarer than the budget allows."""
        return self.false_alerts < MAX_FALSE_ALERTS_PER_DAY


class FeedSilenceModel:
    """The silence model of one feed: usual activity by hour of the week, lengths of past silences, and the current silence."""

    def __init__(self) -> None:
        """Start without experience: no silence is surprising during the first day."""
        self._busy, self._watched = np.zeros(WEEK_HOURS), np.zeros(WEEK_HOURS)
        self._reached = np.zeros(1 + len(_LENGTH_STEPS_MINUTES))
        self._hour, self._pace = -1, 0.0
        self._minutes, self._length = 0, 0.0

    def watch(self, minute: int, *, busy: bool) -> None:
        """Update with the next minute. A feed begins with its first busy minute.

        Args:
            minute: Minutes since 1970; every minute once, in order.
            busy: Whether it had at least one event.
        """
        if not (busy or self._reached[0]):
            return
        hour = minute // _HOUR_MINUTES % WEEK_HOURS
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
        """Return the current silence; its length is 0 minutes when the last minute was busy."""
        chance = float(self._chance(self._length))
        return Silence(self._minutes, self._length, 0.0 - math.log(chance), self._busy_a_day() * chance)

    def _enter(self, hour: int) -> None:
        """Begin an hour: its pace is the busy share of the same hour in earlier weeks.

        An hour of the week without experience has the pace of the quietest hour, or 0 while less than a day is known.
        """
        seen = self._watched > 0
        shares = self._busy[seen] / self._watched[seen]
        if seen[hour]:
            self._pace = float(self._busy[hour] / self._watched[hour])
        else:
            self._pace = float(shares.min()) if len(shares) >= DAY_HOURS else 0.0
        self._hour = hour
        self._busy[hour] *= WEEKLY_RETENTION_SHARE
        self._watched[hour] *= WEEKLY_RETENTION_SHARE
        self._reached *= WEEKLY_RETENTION_SHARE ** (1 / WEEK_HOURS)

    def _learn(self) -> None:
        """Count the silence that ends with this busy minute (usually of length 0), cut at the length that raises an alert."""
        length = self._length
        if length >= 1.0 and self.silence().alert:
            alerting = self._busy_a_day() * self._chance(_LENGTH_STEPS_MINUTES) < MAX_FALSE_ALERTS_PER_DAY
            length = min(length, float(_LENGTH_STEPS_MINUTES[np.argmax(alerting)]) if alerting.any() else length)
        self._reached[0] += 1.0
        self._reached[1:] += length >= _LENGTH_STEPS_MINUTES

    def _busy_a_day(self) -> float:
        watched = self._watched.sum()
        return float(_DAY_MINUTES * self._busy.sum() / watched) if watched else float(_DAY_MINUTES)

    def _chance(self, length: float | np.ndarray) -> np.ndarray:
        """Return the probability that a busy minute is followed by a silence of at least this length, shape as given.

        After one busy minute without silence and no other experience, each doubling has the probability 1/2, the first one 1/4:

        >>> model = FeedSilenceModel()
        >>> model.watch(0, busy=True)
        >>> model._chance(np.array([0.5, 1.0, 2.0])).round(3).tolist()
        [1.0, 0.25, 0.125]

        Args:
            length: Expected busy minutes, any shape.
        """
        steps = (self._reached[1:] + _PRIOR_EVENTS) / (self._reached[:-1] + 2 * _PRIOR_EVENTS)
        nats = np.concatenate(([0.0], np.cumsum(np.log(np.minimum(steps, 1.0)))))
        return np.exp(np.interp(1.0 + np.log2(np.maximum(length, 0.5)), np.arange(len(nats)), nats))
