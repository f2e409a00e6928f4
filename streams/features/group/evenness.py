"""Feature `evenness`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from models.accumulators.short import median, numbered, quantile
from models.durations import HOUR
from models.evidence.evenness import (
    CHOSEN_PEOPLE_SHAPES,
    LOWEST_EVENNESS_NATS,
    MAX_EVENNESS_NATS,
    PEOPLE_SHAPES,
    Work,
    expected_nats,
    log_likelihood_ratios,
)
from streams.features.declaration import NATS, Feature, value_in_nats
from streams.features.members import Members, OncePerGroup

MIN_TEMPLATE_REQUESTS = 2
"""Requests from which an account belongs to a template's group; for groups of other kinds it is one."""
TESTED_GROUPS_NATS = 3.0
"""Penalty for testing thousands of template groups: one group of 20 is even by chance. It is not evidence for people."""
MAX_PAUSES = 8
"""Silence from which a member counts as stopped, as a multiple of the group's usual pause."""
MIN_ACTIVE_SHARE = 0.2
"""Share of a group that is assumed to be active, even if the others were replaced."""


class Evenness(Feature):
    """How much better a dispatcher explains how much work the accounts begin than people do, in nats (`models/evidence/evenness.py`)."""

    entity = "group"
    family = "evenness"
    direction = "high"
    limits = (LOWEST_EVENNESS_NATS, MAX_EVENNESS_NATS)
    label = "Work dealt out evenly, as by a dispatcher"
    unit = NATS
    rises_on = "round-robin or quotas over a pool of accounts"
    blind_to = "pools that copy the skew of people, and accounts under one organisation, which vote once"
    nats = value_in_nats

    @staticmethod
    def value(members: Members) -> float:
        """Return the log-likelihood ratio of a dispatcher against people, in nats: of payers or of accounts, whichever is less.

        NaN where no work is counted.
        """
        if not np.isfinite(members.work_items).any():
            return math.nan
        # of work without a voter nothing is known
        evidence = max(min(ratios, default=0.0) for ratios in _RATIOS(members))
        return evidence if members.kind != "template" else max(evidence - TESTED_GROUPS_NATS, min(evidence, 0.0))


def expected_if_people(members: Members) -> float:
    """Return the nats of uneven load to expect of these accounts if they were people's: a test that may acquit must have power first."""
    if members.units < 2:  # noqa: PLR2004 (nothing is spread over one)
        return 0.0
    work = _work(members)
    return min(expected_nats(work), expected_nats(work.by(members.unit)))


def _work(members: Members) -> Work:
    """Return the work that each member began, (members,), worked out once."""
    return _WORK(members)


def _begun_work(members: Members) -> Work:
    first, begun = members.first, members.work_items
    if members.kind == "template":  # a queue has several templates, and an account changes between them, but it has one load
        first, begun = members.account_first, members.account_work_items
    end = np.where(members.now - members.last > _stopped(members), members.last, members.now)
    waited = first - np.fmax(first.min(initial=np.inf), np.minimum(members.created, first))
    return Work.of_accounts(begun, np.maximum(end - first, HOUR), waited)


def _stopped(members: Members) -> float:
    """Return the seconds of silence from which a member counts as stopped, so that its exposure ends with its last request.

    At night all members are silent: a member has stopped only if it is silent while others continue.
    """
    asked = members.work_items > 1
    if not asked.any():
        return np.inf
    pause = median((members.last - members.first)[asked] / (members.work_items[asked] - 1))
    going_on = quantile(members.now - members.last, MIN_ACTIVE_SHARE)
    return max(MAX_PAUSES * max(pause, going_on), HOUR)


def compare(groups: Sequence[Members]) -> None:
    """Work out the log-likelihood ratios that `evenness` needs of some groups, in one pass, and let each group keep its own."""
    for members, ratios in zip(groups, _compared(groups), strict=True):
        _RATIOS.keep(members, ratios)


def _compared(groups: Sequence[Members]) -> list[list[list[float]]]:
    """Return for each group, for each of the works that are compared, the ratios of its voters by payer and by account."""
    compared: dict[int, list[list[float]]] = {}
    for is_template, people in ((True, CHOSEN_PEOPLE_SHAPES), (False, PEOPLE_SHAPES)):
        least = MIN_TEMPLATE_REQUESTS if is_template else 1
        alike = [position for position, members in enumerate(groups) if (members.kind == "template") == is_template]
        voters = [[_voters(groups[position], work, least) for work in _works(groups[position])] for position in alike]
        ratios = iter(log_likelihood_ratios([voter for works in voters for each in works for voter in each], least, people))
        for position, works in zip(alike, voters, strict=True):
            compared[position] = [[next(ratios) for _ in each] for each in works]
    return [compared[position] for position in range(len(groups))]


def _works(members: Members) -> list[Work]:
    """Return the work whose load is compared.

    A dispatcher may deal out all work of its accounts, or the harvest alone, mixed into people's chat.
    """
    jobs = members.account_harvest_items if members.kind == "template" else members.harvest_items
    counted = _work(members)
    return [counted, replace(counted, counts=jobs)] if jobs.any() and not np.array_equal(counted.counts, jobs) else [counted]


def _voters(members: Members, work: Work, least: int) -> list[Work]:
    """Return the work by payer and by account: the smaller of their ratios counts. Nothing is spread over one payer."""
    if members.units < 2:  # noqa: PLR2004
        return []
    # the sums over each payer's accounts are more even than single people are
    begun = work.counts >= least
    payers = numbered(members.unit[begun])[1]
    by_account = work.take(np.flatnonzero(begun))
    return [by_account] if payers.max(initial=-1) + 1 == len(payers) else [by_account.by(payers), by_account]


_WORK: Final = OncePerGroup(_begun_work)
_RATIOS: Final = OncePerGroup(lambda members: _compared([members])[0])
