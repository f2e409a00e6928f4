"""Durations in seconds, as in `half_life=7 * DAY`."""

from __future__ import annotations

from typing import Final

MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
DAY_HOURS: Final = 24
