"""Feature `start_together`."""

from __future__ import annotations

import math

import numpy as np

from models.durations import HOUR
from streams.features.declaration import SHARE, Feature
from streams.features.members import Members


class StartTogether(Feature):
    """Largest share of members whose first request falls into one hour. Shown, without a vote."""

    entity = "group"
    family = "timing"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Members whose first request falls into one hour"
    unit = SHARE
    rises_on = "pools switched on at once"
    blind_to = "pools that grow slowly"
    benign_causes = "launches and workshops"

    @staticmethod
    def value(members: Members) -> float:
        """Return the largest share of first requests within an hour, NaN for fewer than two accounts."""
        first = np.sort(members.first[np.isfinite(members.first)])
        if len(first) < 2:  # noqa: PLR2004 - together takes two
            return math.nan
        within = np.searchsorted(first, first + HOUR, side="right") - np.arange(len(first))
        return float(within.max() / len(first))
