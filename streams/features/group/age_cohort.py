"""Feature `age_cohort`."""

from __future__ import annotations

import math

import numpy as np

from models.evidence.cohort import MAX_COHORT_NATS, scan
from streams.features.declaration import NATS, Feature, value_in_nats
from streams.features.members import Members


class AgeCohort(Feature):
    """How much the accounts look made in one batch, in nats (`models/evidence/cohort.py`): one vote an organisation and payment."""

    entity = "group"
    family = "cohort"
    direction = "high"
    limits = (0.0, MAX_COHORT_NATS)
    label = "Accounts created in one batch"
    unit = NATS
    rises_on = "pools of fresh accounts, and accounts bought from one batch"
    blind_to = "accounts of all ages"
    benign_causes = "a hackathon or a class"
    nats = value_in_nats

    @staticmethod
    def value(members: Members) -> float:
        """Return how much the units look made in one batch, in nats; NaN where no age is known."""
        if not (np.isfinite(members.created) & np.isfinite(members.age_rank)).any():
            return math.nan
        oldest = np.lexsort((members.age_rank, members.created))
        chosen = oldest[np.unique(members.unit[oldest], return_index=True)[1]]
        return scan(members.created[chosen], members.age_rank[chosen])
