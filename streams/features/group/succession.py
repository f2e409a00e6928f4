"""Feature `succession`."""

from __future__ import annotations

import math

import numpy as np

from models.arrays import Floats
from models.durations import DAY
from models.evidence.cohort import divergence
from streams.features.declaration import NATS, Feature, value_in_nats
from streams.features.members import Members

MIN_SUCCEEDED_ACCOUNTS = 3
"""Accounts that must have stopped, and accounts that must have followed."""
STOPPED_SECONDS = 2 * DAY
"""Silence after which an account counts as stopped for good."""
MAX_SUCCESSION_NATS = 50.0


def covered(stops: Floats, start: float, end: float) -> float:
    """Return the share of the time from start to end that is within a day after a stop, 0..1.

    >>> round(covered(np.array([0.0, 43200.0]), start=0.0, end=4 * 86400.0), 3)  # a day and a half of four
    0.375

    Args:
        stops: Epoch seconds, (stops,), ascending.
        start: Epoch seconds.
        end: Epoch seconds.
    """
    until = np.minimum(np.append(stops[1:], np.inf), np.minimum(stops + DAY, end))
    return float(np.maximum(until - stops, 0.0).sum() / max(end - start, 1.0))


class Succession(Feature):
    """How much more accounts begin within a day after others stopped for good than chance would have it, in nats."""

    entity = "group"
    family = "cohort"
    direction = "high"
    limits = (0.0, MAX_SUCCESSION_NATS)
    label = "Accounts that begin soon after others stop"
    unit = NATS
    rises_on = "replacement of banned or spent accounts"
    blind_to = "pools that let accounts overlap, and groups younger than two days"
    nats = value_in_nats

    @staticmethod
    def value(members: Members) -> float:
        """Return the log-likelihood ratio of followers within a day of a stop against chance, in nats; NaN where no request is known."""
        if not np.isfinite(members.first).any():
            return math.nan
        first = members.first[np.isfinite(members.first)]
        stops = np.sort(members.last[members.now - members.last > STOPPED_SECONDS])
        if len(stops) < MIN_SUCCEEDED_ACCOUNTS or len(first) < MIN_SUCCEEDED_ACCOUNTS:
            return 0.0
        nearest = stops[np.maximum(np.searchsorted(stops, first, side="right") - 1, 0)]
        share = float(np.mean((first >= nearest) & (first - nearest <= DAY)))
        if share * len(first) < MIN_SUCCEEDED_ACCOUNTS:
            return 0.0
        by_chance = covered(stops, float(first.min()), max(members.now, float(stops[-1])))
        return float(np.clip(len(first) * divergence(np.array(share), np.array(by_chance)), 0.0, MAX_SUCCESSION_NATS))
