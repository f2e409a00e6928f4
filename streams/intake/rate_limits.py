"""Rate limit of a caller: a token bucket."""

from __future__ import annotations

import math


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
