"""Feature `single_question`."""

from __future__ import annotations

import math

import numpy as np

from streams.features.declaration import SHARE, Feature
from streams.features.members import Members


class SingleQuestion(Feature):
    """Share of all the group's requests that are one question without a past. Shown, without a vote."""

    entity = "group"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Requests of the group that are one question without history"
    unit = SHARE
    rises_on = "job queues over accounts"
    blind_to = "multi-turn harvests"
    benign_causes = "search boxes in applications"

    @staticmethod
    def value(members: Members) -> float:
        """Return the pooled share of single questions, NaN where nothing is known."""
        known = np.isfinite(members.single_turn) & np.isfinite(members.requests)
        requests = members.requests[known]
        return float(requests @ members.single_turn[known] / requests.sum()) if requests.sum() > 0 else math.nan
