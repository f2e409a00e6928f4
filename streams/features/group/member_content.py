"""Feature `member_content`."""

from __future__ import annotations

import math

import numpy as np

from models.accumulators.short import known_or_zero
from models.evidence.weighing import MAX_FAMILY_NATS, MIN_LEVEL_NATS
from streams.features.declaration import NATS, Feature, value_in_nats
from streams.features.members import Members

MAX_MEMBER_CONTENT_PAYERS = 3
"""Most payers that count: members of one group are alike for innocent reasons too, so more of them add no evidence."""
HALF_WEIGHT_REQUESTS = 8.0
"""Requests at which a member counts half."""


def usual_content(members: Members) -> float:
    """Return the content of the median member times the number of payers, MAX_MEMBER_CONTENT_PAYERS at most, in nats.

    The median protects the other customers of a relay of which up to a third run a campaign. A member with few requests has little weight,
    because a share of a handful of requests can have nearly any value; the weights of many such members add up.
    """
    nats = members.family("content")
    weight = known_or_zero(members.total / (members.total + HALF_WEIGHT_REQUESTS)) * np.isfinite(nats)
    if not weight.sum():
        return 0.0
    order = np.argsort(nats, kind="stable")
    usual = float(nats[order][np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2)])
    voters = weight.sum() / (weight.sum() + 1.0) * min(members.units, MAX_MEMBER_CONTENT_PAYERS)
    return usual * float(voters) if usual > 0 else usual


class MemberContent(Feature):
    """How far the usual member stands out in content, in nats, times the payers, three at most."""

    entity = "group"
    family = "content"
    direction = "high"
    limits = (MIN_LEVEL_NATS, MAX_MEMBER_CONTENT_PAYERS * MAX_FAMILY_NATS)
    label = "Content of the typical member"
    unit = NATS
    rises_on = "groups whose every member looks like a harvest"
    blind_to = "pools in which each member does too little to show (see `shared_template`)"
    nats = value_in_nats

    @staticmethod
    def value(members: Members) -> float:
        """Return the median over members, in nats, times the payers, three at most; NaN where no member's content is known."""
        if not np.isfinite(members.family("content")).any():
            return math.nan
        return usual_content(members)
