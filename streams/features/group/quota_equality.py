"""Feature `quota_equality`."""

from __future__ import annotations

import numpy as np

from streams.features.declaration import Feature
from streams.features.members import Members


class QuotaEquality(Feature):
    """One less the Gini coefficient of requests over accounts: 1 when all ask equally often. Shown, without a vote (see `evenness`).

    Rises on: equal quotas. Blind to: how few requests there are: accounts that asked once each are equal too.
    """

    entity = "group"
    family = "evenness"
    direction = "high"
    limits = (0.0, 1.0)

    @staticmethod
    def value(members: Members) -> float:
        """Return 1 less the Gini coefficient of requests, 0 for fewer than two accounts."""
        counts = np.sort(members.total[np.isfinite(members.total)])
        if len(counts) < 2 or counts.sum() <= 0:  # noqa: PLR2004 - equality needs two
            return 0.0
        ranks = np.arange(1, len(counts) + 1)
        gini = float(((2 * ranks - len(counts) - 1) * counts).sum() / (len(counts) * counts.sum()))
        return 1.0 - max(gini, 0.0)
