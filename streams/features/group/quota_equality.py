"""Feature `quota_equality`."""

from __future__ import annotations

import math

import numpy as np

from streams.features.declaration import SHARE, Feature
from streams.features.members import Members


class QuotaEquality(Feature):
    """One less the Gini coefficient of requests over accounts: 1 when all ask equally often. Shown, without a vote (see `evenness`)."""

    entity = "group"
    family = "evenness"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Equality of requests over accounts (100% is equal)"
    unit = SHARE
    rises_on = "equal quotas"
    blind_to = "pools that copy the skew of people"
    benign_causes = "accounts with one request each, which are equal too"

    @staticmethod
    def value(members: Members) -> float:
        """Return 1 less the Gini coefficient of requests, NaN for fewer than two accounts."""
        counts = np.sort(members.total[np.isfinite(members.total)])
        if len(counts) < 2 or counts.sum() <= 0:  # noqa: PLR2004 - equality needs two
            return math.nan
        ranks = np.arange(1, len(counts) + 1)
        gini = float(((2 * ranks - len(counts) - 1) * counts).sum() / (len(counts) * counts.sum()))
        return 1.0 - max(gini, 0.0)
