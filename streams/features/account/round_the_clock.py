"""Feature `round_the_clock`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.readings import hours_used


class RoundTheClock(Feature):
    """How evenly the hours of the day are used, 1 being all alike. Which hours those are is never looked at."""

    entity = "account"
    family = "timing"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Evenness over the hours of the day (100% is flat)"
    unit = SHARE
    rises_on = "machines and pools that never sleep"
    blind_to = "campaigns that keep office hours"
    benign_causes = "services of enterprises"
    value = hours_used()
