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
    limits = (-50.0, 50.0)

    @staticmethod
    def value(members: Members) -> float:
        """Return the log-likelihood ratio of a dispatcher against people, in nats: of payers or of accounts, whichever is less."""
        # who has been silent for a day is taken to have stopped: its time to ask ended with its last request
        end = np.where(members.now - members.last > DAY, members.last, members.now)
        exposure, unit = np.maximum(end - members.first, HOUR), members.unit
        least = LEAST_USES.get(members.kind, 1)
        payers = np.bincount(unit, weights=exposure).astype(np.float64), np.bincount(unit, weights=members.total).astype(np.float64)
        of_payers = log_likelihood_ratio(payers[1], payers[0], least)
        # sums over the few accounts of each payer are more even than the people behind them
        return min(of_payers, log_likelihood_ratio(members.total, exposure, least)) if len(payers[0]) > 1 else 0.0

    @staticmethod
    def nats(value: float) -> float:
        """Return the value: it is in nats already."""
        return value
