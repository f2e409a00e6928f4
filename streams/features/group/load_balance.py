"""Feature `load_balance`."""

from __future__ import annotations

from math import isfinite, nan

from streams.features.declaration import Feature, Unit
from streams.features.members import Members

MAX_INDEX = 50.0


class LoadBalance(Feature):
    """Load-balance index: variance of the group's load over the sum of its members' variances, in windows of ten minutes.

    About 1 when members work independently, below when one queue keeps the sum level, far above when they wake and sleep together.
    Shown, without a vote (see `evenness`).
    """

    entity = "group"
    family = "evenness"
    direction = "low"
    limits = (0.0, MAX_INDEX)
    label = "Load-balance index (1 is independent)"
    unit = Unit("ratio of variances")
    rises_on = "one queue that keeps the group's load level"
    blind_to = "the first six hours"

    @staticmethod
    def value(members: Members) -> float:
        """Return the index, at most 50; NaN before there are six hours."""
        return min(members.balance, MAX_INDEX) if isfinite(members.balance) else nan
