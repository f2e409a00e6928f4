"""Feature `member_content`."""

from __future__ import annotations

import numpy as np

from streams.features.declaration import NATS, Feature, value_in_nats
from streams.features.members import Members

MAX_VOTING_PAYERS = 3
"""Payers that have a vote: members of one group are alike for innocent reasons too, so more of them say no more."""
HALF_WEIGHT_REQUESTS = 8.0
"""Requests at which a member's word counts half."""


def usual_content(members: Members) -> float:
    """Return what three payers like the usual member show together, in nats; of one or two payers what those show.

    The usual member is the median: of a relay's customers a third may run a campaign, and the others are not to be taken for them. Members
    of few requests say little each (of a handful of requests nearly any share can come out), but their words add up.
    """
    nats = members.family("content")
    weight = np.nan_to_num(members.total / (members.total + HALF_WEIGHT_REQUESTS)) * np.isfinite(nats)
    if not weight.sum():
        return 0.0
    order = np.argsort(nats, kind="stable")
    usual = float(nats[order][np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2)])
    voters = weight.sum() / (weight.sum() + 1.0) * min(members.units, MAX_VOTING_PAYERS)
    return usual * float(voters) if usual > 0 else usual


class MemberContent(Feature):
    """How far the usual member stands out in content, in nats, times the payers, three at most."""

    entity = "group"
    family = "content"
    direction = "high"
    limits = (-1.0, 21.0)
    label = "Content of the typical member"
    unit = NATS
    rises_on = "groups whose every member looks like a harvest"
    blind_to = "pools in which each member does too little to show (see `shared_template`)"
    nats = value_in_nats

    @staticmethod
    def value(members: Members) -> float:
        """Return the median over members, in nats, times the payers, three at most."""
        return usual_content(members)
