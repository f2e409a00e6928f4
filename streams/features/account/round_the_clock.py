"""Feature `round_the_clock`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.readings import hours_used


class RoundTheClock(Feature):
    """How evenly the hours of the day are used, 1 being all alike. Which hours those are is never looked at.

    Rises on: machines and pools that never sleep. Blind to: campaigns that keep office hours. Services of enterprises are flat
    too.
    """

    entity = "account"
    family = "timing"
    direction = "high"
    limits = (0.0, 1.0)
    value = hours_used()
