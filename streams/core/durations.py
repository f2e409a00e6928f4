"""Durations in seconds, as in `half_life=7 * DAY`."""

from __future__ import annotations

from typing import Final

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
