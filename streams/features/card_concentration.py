"""Feature `card_concentration`."""

from __future__ import annotations

import numpy as np

from streams.feature import Feature
from streams.pipeline.members import Members


class CardConcentration(Feature):
    """Share of accounts that pay with the most frequent payment. Shown, without a vote (see `card_sharing`).

    Rises on: one purse behind many accounts, an enterprise just as much. Blind to: own cards.
    """

    entity = "group"
    family = "payment"
    direction = "high"
    limits = (0.0, 1.0)

    @staticmethod
    def value(members: Members) -> float:
        """Return the largest share of one payment, 0 where none is known."""
        counts = np.unique(members.payment[members.payment != 0], return_counts=True)[1]
        return float(counts.max() / counts.sum()) if len(counts) else 0.0
