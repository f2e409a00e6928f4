"""Feature `age_cohort`."""

from __future__ import annotations

import numpy as np

from models.evidence.cohort import scan
from streams.features.declaration import Feature
from streams.features.members import Members


class AgeCohort(Feature):
    """How much the accounts look made in one batch, in nats (`models/evidence/cohort.py`): one vote an organisation and payment.

    Rises on: pools of fresh accounts, and of any accounts bought from one batch. Blind to: accounts of all ages. A hackathon or a
    class is a batch too.
    """

    entity = "group"
    family = "cohort"
    direction = "high"
    limits = (0.0, 50.0)

    @staticmethod
    def value(members: Members) -> float:
        """Return how much the units look made in one batch, in nats."""
        oldest = np.lexsort((members.age_rank, members.created))
        chosen = oldest[np.unique(members.unit[oldest], return_index=True)[1]]
        return scan(members.created[chosen], members.age_rank[chosen])

    @staticmethod
    def nats(value: float) -> float:
        """Return the value: it is in nats already."""
        return value
