"""Feature `shared_template`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evidence.cohort import divergence
from streams.features.declaration import NATS, Feature, value_in_nats
from streams.features.members import Members

MAX_VOTING_PAYERS = 20
ORDINARY_SHARE = 0.04
"""Share of a group's prompts that its templates may have without being remarkable."""
MIN_LIFT = 3.0
MIN_USER_SHARE = 0.05
"""Share of an account's prompts that must harvest with one template for the account to be one of its users."""
MIN_SHARE_OF_MEDIAN = 0.6
"""And how much, of what is usual for the job: people meet a piece of it now and then, its accounts are there for it."""
MIN_USERS = 2
TYPICAL_HARVEST_SHARE = 0.25
"""Share of the usual member's prompts that harvest with shared templates, from which it does not matter which of them a member shows."""


@dataclass(frozen=True)
class Job:
    """What a group's accounts have in common to harvest with: one template, or several that one queue draws from."""

    users: NDArray[np.bool_]
    """Which members use one of its templates, (members,)."""
    share: float
    """Its share of the group's prompts, 0..1."""
    everywhere: float
    """Its templates' share of everybody's prompts, 0..1."""


def job(members: Members) -> Job:
    """Return the templates that harvest for several members, each far more often than for everybody.

    An account knows the one template that it uses most. Of a queue with four templates each account shows one, and uses all of them as
    often as that one's users do: their shares add up, to what the members harvest with shared templates at the most. A queue without any,
    whose prompts are bare tasks and come more than once, has nearly as many as accounts: then the usual member has to bear it out.
    """
    key = ("job", "")
    if key not in members.memo:
        members.memo[key] = _job(members)
    remembered: Job = members.memo[key]
    return remembered


def _job(members: Members) -> Job:
    """Work `job` out.

    Two of three members use one template, which one in e^9 of all prompts shows, and do nothing else; the third has none:

    >>> from streams.testing.feature_trial import members_of
    >>> found = _job(members_of(template=[5, 5, 0], job_share=[1, 1, 0], harvest_share=[1, 1, 0], template_rarity=[9, 9, 0]))
    >>> found.users.tolist(), round(found.share, 3), round(found.everywhere, 6)
    ([True, True, False], 0.667, 0.000123)
    """
    requests, jobs = np.nan_to_num(members.requests), np.nan_to_num(members.job_share)
    users = (members.template != 0) & (jobs >= MIN_USER_SHARE)
    if not users.any():
        return Job(users, 0.0, 0.0)
    templates, which, counts = np.unique(members.template[users], return_inverse=True, return_counts=True)
    weight = np.bincount(which, requests[users], len(templates))
    each = np.bincount(which, (requests * jobs)[users], len(templates)) / np.maximum(weight, 1e-9)
    rarity = np.full(len(templates), np.inf)
    np.minimum.at(rarity, which, np.nan_to_num(members.template_rarity[users]))
    shown = np.nan_to_num(members.harvest_share)
    least = 1 if np.median(shown) >= TYPICAL_HARVEST_SHARE else max(MIN_USERS, counts.max() / 4)
    leads = (counts >= least) & (each >= MIN_LIFT * np.exp(-rarity))
    if not leads.any():
        return Job(np.zeros_like(users), 0.0, 0.0)
    theirs = jobs[users]
    much = MIN_SHARE_OF_MEDIAN * np.median(theirs[leads[which]])
    leads &= each >= much
    users[users] = leads[which] & (theirs >= much)
    among = float((requests * jobs)[users].sum() / requests.sum()) if requests.sum() else 0.0  # at least what those templates' users do
    most = float((requests * shown).sum() / requests.sum()) if requests.sum() else 0.0
    return Job(users, max(among, min(float(each[leads].sum()), most)), float(np.exp(-rarity[leads]).sum()))


class SharedTemplate(Feature):
    """How much of the group's prompts fill a few rare templates and get what is harvested, in nats: a vote a unit, 20 at most."""

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
        """Return min(units, 20) times the divergence of their share from what is ordinary, in nats."""
        shared = job(members)
        if not shared.users.any():
            return 0.0
        voters = len(np.unique(members.unit[shared.users]))
        return min(voters, MAX_VOTING_PAYERS) * float(divergence(np.array(shared.share), np.array(max(ORDINARY_SHARE, shared.everywhere))))
