"""Feature `single_question`."""

from __future__ import annotations

import numpy as np

from streams.features.declaration import Feature
from streams.features.members import Members


class SingleQuestion(Feature):
    """Share of all the group's requests that are one question without a past. Shown, without a vote.

    Rises on: job queues over accounts; search boxes in apps too. Blind to: multi-turn harvests.
    """

    entity = "group"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)

    @staticmethod
    def value(members: Members) -> float:
        """Return the pooled share of single questions, 0 where nothing is known."""
        known = np.isfinite(members.single_turn) & np.isfinite(members.requests)
        requests = members.requests[known]
        return float(requests @ members.single_turn[known] / requests.sum()) if requests.sum() > 0 else 0.0
