"""Feature `shared_template`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.short import distinct, known_or_zero, median, numbered
from models.evidence.cohort import divergence
from streams.features.declaration import NATS, Feature, value_in_nats
from streams.features.members import Members, OncePerGroup

MAX_TEMPLATE_PAYERS = 20
"""Payers of a template that count at most: a vote each."""
ORDINARY_SHARE = 0.04
"""Share of a group's prompts up to which its templates are ordinary."""
MIN_LIFT_RATIO = 3.0
MIN_USER_SHARE = 0.05
"""Share of an account's prompts that must harvest with one template for the account to be one of its users."""
MIN_MEDIAN_SHARE = 0.6
"""The same as a share of the users' median: other people meet a piece of the job now and then only."""
MIN_USERS = 2
"""Users of a template from which it counts, if the median member hardly harvests with shared templates."""
TYPICAL_HARVEST_SHARE = 0.25
"""Share of the median member's prompts that harvest with shared templates, from which one user of a template suffices."""


@dataclass(frozen=True)
class Job:
    """The common job of a group's accounts: harvesting with one template, or with several templates of one queue."""

    users: NDArray[np.bool_]
    """Which members use one of its templates, (members,)."""
    share: float
    """Its share of the group's prompts, 0..1."""
    everywhere: float
    """Its templates' share of all prompts, 0..1."""


def job(members: Members) -> Job:
    """Return the job of a group: templates with which several members harvest, each much more frequent than among all prompts.

    Only one template of an account is known. If a queue has four templates, each account has one of them and uses all of
    them as often as the users of that one do. So the shares of templates add up, to at most the share with which members harvest with
    shared templates. A queue of repeated bare tasks has nearly as many templates as accounts; then the median member has to confirm it.
    """
    return _JOB(members)


def _job(members: Members) -> Job:
    """Compute `job`.

    Two of three members use one template, which one in e^9 of all prompts has, and do nothing else; the third has none:

    >>> from streams.testing.feature_trial import members_of
    >>> found = _job(members_of(template=[5, 5, 0], job_share=[1, 1, 0], harvest_share=[1, 1, 0], template_rarity=[9, 9, 0]))
    >>> found.users.tolist(), round(found.share, 3), round(found.everywhere, 6)
    ([True, True, False], 0.667, 0.000123)
    """
    requests, jobs = known_or_zero(members.requests), known_or_zero(members.job_share)
    users = (members.links["template"] != 0) & (jobs >= MIN_USER_SHARE)
    if not users.any():
        return Job(users, 0.0, 0.0)
    templates, which = numbered(members.links["template"][users])
    counts = np.bincount(which)
    weight = np.bincount(which, requests[users], len(templates))
    template_shares = np.bincount(which, (requests * jobs)[users], len(templates)) / np.maximum(weight, 1e-9)
    rarity = np.full(len(templates), np.inf)
    np.minimum.at(rarity, which, known_or_zero(members.rarities["template"][users]))
    shown = known_or_zero(members.harvest_share)
    least = 1 if median(shown) >= TYPICAL_HARVEST_SHARE else max(MIN_USERS, counts.max() / 4)
    leads = (counts >= least) & (template_shares >= MIN_LIFT_RATIO * np.exp(-rarity))
    if not leads.any():
        return Job(np.zeros_like(users), 0.0, 0.0)
    user_shares = jobs[users]
    least_share = MIN_MEDIAN_SHARE * median(user_shares[leads[which]])
    leads &= template_shares >= least_share
    users[users] = leads[which] & (user_shares >= least_share)
    users_share = float((requests * jobs)[users].sum() / requests.sum()) if requests.sum() else 0.0  # a lower limit
    harvest_share = float((requests * shown).sum() / requests.sum()) if requests.sum() else 0.0
    return Job(users, max(users_share, min(float(template_shares[leads].sum()), harvest_share)), float(np.exp(-rarity[leads]).sum()))


_JOB: Final = OncePerGroup(_job)


class SharedTemplate(Feature):
    """Evidence of harvesting with a few rare templates: how far their share of the prompts is from ordinary, once for each payer."""

    entity = "group"
    family = "content"
    direction = "high"
    limits = (0.0, 15.0)
    label = "Rare templates that several accounts harvest with"
    unit = NATS
    rises_on = "one job over several accounts, also when it is mixed into ordinary chat"
    blind_to = "paraphrased templates, jobs with answers of middling length, and accounts under one organisation, which vote once"
    nats = value_in_nats

    @staticmethod
    def value(members: Members) -> float:
        """Return min(units, 20) times the divergence of their share from what is ordinary, in nats; NaN where no prompt is known."""
        if not np.isfinite(members.job_share).any():
            return math.nan
        shared = job(members)
        if not shared.users.any():
            return 0.0
        voters = len(distinct(members.unit[shared.users]))
        return min(voters, MAX_TEMPLATE_PAYERS) * float(
            divergence(np.array(shared.share), np.array(max(ORDINARY_SHARE, shared.everywhere)))
        )
