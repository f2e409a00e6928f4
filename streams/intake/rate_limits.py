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

    def wait(self, now: float) -> int:
        """Return the seconds to wait at `now` (of any monotonic clock) until a debt is paid; 0 without one."""
        self._fill(now)
        return math.ceil(-self._level / self._rate) if self._level < 0 else 0

    def spend(self, events: float, now: float) -> None:
        """Take `events` at `now`, also more than there are: the debt, of one burst at most, is paid by waiting."""
        self._fill(now)
        self._level = max(self._level - events, -self._burst)

    def _fill(self, now: float) -> None:
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now


class Shares:
    """An amount that sources share. A source may use half of what the others leave free, so that there is always room for another."""

    def __init__(self, total: int) -> None:
        """Start with nothing used. total: in any unit that cannot be divided, such as bytes or connections."""
        self._total = total
        self._used: Counter[str] = Counter()

    def try_reserve(self, source: str, amount: int) -> bool:
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
