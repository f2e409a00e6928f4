"""Feature `evenness`."""

from __future__ import annotations

import numpy as np

from models.evenness import log_likelihood_ratio
from streams.feature import DAY, HOUR, Feature
from streams.pipeline.members import Members

LEAST_USES = {"template": 2}
"""Requests from which an account belongs to a group of that kind; of the others it is one."""


class Evenness(Feature):
    """How much better a dispatcher explains the accounts' counts of requests than people do, in nats (`models/evenness.py`).

    Rises on: round-robin or quotas over a pool of accounts. Blind to: pools that copy the skew of people, and accounts under one
    organisation, which vote once.
    """

    entity = "group"
    family = "evenness"
    direction = "high"
    limits = (-3.0, 50.0)

    @staticmethod
    def value(members: Members) -> float:
        """Return the log-likelihood ratio of a dispatcher against people, in nats."""
        # who has been silent for a day is taken to have stopped: its time to ask ended with its last request
        end = np.where(members.now - members.last > DAY, members.last, members.now)
        unit = members.unit
        exposure = np.bincount(unit, weights=np.maximum(end - members.first, HOUR)).astype(np.float64)
        counts = np.bincount(unit, weights=members.total).astype(np.float64)
        return log_likelihood_ratio(counts, exposure, LEAST_USES.get(members.kind, 1))

    @staticmethod
    def nats(value: float) -> float:
        """Return the value: it is in nats already."""
        return value
