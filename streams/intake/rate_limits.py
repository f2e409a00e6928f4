"""Limits of callers: a token bucket for each, and shares of what all of them use."""

from __future__ import annotations

import math
from collections import Counter


class Bucket:
    """A token bucket: `rate` events per second, and at most `burst` saved."""

    def __init__(self, rate: float, burst: float) -> None:
        """Start full."""
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._at = 0.0

    def wait(self, events: int, now: float) -> int:
        """Take `events` at `now` (seconds of any monotonic clock) and return 0, or take none and return the seconds to wait.

        More events than the burst pass when the bucket is full, and leave it in debt by one more burst at most.
        """
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        missing = min(events, self._burst) - self._level
        if missing > 0:
            return math.ceil(missing / self._rate)
        self._level = max(self._level - events, -self._burst)
        return 0


class Shares:
    """An amount that sources share. A source may use half of what the others leave free, so that there is always room for another."""

    def __init__(self, total: int) -> None:
        """Start with nothing used. total: in any unit that cannot be divided, such as bytes or connections."""
        self._total = total
        self._used: Counter[str] = Counter()

    def take(self, source: str, amount: int) -> bool:
        """Take `amount` for a source and return True, or take nothing and return False. The first unit is never refused."""
        used = self._used[source] + amount
        if used > max(1, (self._total - self._used.total() + self._used[source]) // 2):
            return False
        self._used[source] = used
        return True

    def give_back(self, source: str, amount: int) -> None:
        """Return `amount` that a source has taken."""
        self._used[source] -= amount
        self._used += Counter()  # drops sources that use nothing
