"""Feature `load_balance`."""

from __future__ import annotations

from streams.feature import Feature
from streams.pipeline.members import Members


class LoadBalance(Feature):
    """Load-balance index: variance of the group's load over the sum of its members' variances, in windows of ten minutes.

    About 1 when members work independently, below when one queue keeps the sum level, far above when they wake and sleep together.
    Shown, without a vote (see `evenness`). Rises on: synchrony, which people of one place have too. Blind to: the first six hours.
    """

    entity = "group"
    family = "evenness"
    direction = "low"
    limits = (0.0, 50.0)

    @staticmethod
    def value(members: Members) -> float:
        """Return the index, NaN before there are six hours."""
        return members.balance
