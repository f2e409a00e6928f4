"""Which of a group's evidence a member shares: attribution is to the member, not to the relay that it came through.

A family of the group counts for a member only where the member itself shows it. Otherwise the ordinary customers of a reseller whose
relay also carries a campaign would be alerted for their neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats
from models.evidence.extraction_rules import Purpose
from models.evidence.families import FAMILIES
from models.evidence.weighing import MAX_FAMILY_NATS, MIN_LEVEL_NATS
from streams.core.durations import DAY
from streams.features import shared_links
from streams.features.group.member_content import MAX_VOTING_PAYERS, usual_content
from streams.features.group.one_script import MIN_TEMPLATE_SHARE
from streams.features.group.shared_cards import SharedCards
from streams.features.group.shared_template import job
from streams.features.members import Members

LIKELY = 2 * MAX_FAMILY_NATS
PLAIN = 2.5 * MAX_FAMILY_NATS
SOLE = 7.5 * MAX_FAMILY_NATS
"""Nats of a group's content, uncapped, from which its purpose is likely, and plain; and those of accounts which do nothing else."""
PURSES = 3
"""Cards that each pay for several organisations. A sponsor or an agency has one, or two."""
MOST_PAY = 0.5
"""Share of a group's accounts that pay with such a card: of a program's hundreds of users some pairs always do."""
UNRELATED = 3
"""Programs beyond the first that have nothing to do with each other. Three in all are an application's own clients."""
MATCH = 0.5
"""Raw nats from which a member is said to show a family itself: about the upper fifth of ordinary accounts."""
SAME_COHORT = 14 * DAY
COHORT_SHARE = 0.3
EVEN_FACTOR = 3.0
LEADS = 0.25
"""Share of a template's suspects from which a program leads, if suspects are also a quarter as common among its users as in any other."""
OUTSIDE = 0.1
"""Share of a template's suspects up to which those in a program of their own are outsiders, where most come in leading ones."""

Mask = NDArray[np.bool_]


def group_families(features: Sequence[Any], nats: Floats) -> Floats:
    """Return a group's nats by family, (families,), NaN where no feature says anything. nats: (features,).

    Content adds up (what is shared, and what the members ask for, are different things to see); of the others the strongest speaks.
    """
    found = np.full(len(FAMILIES), np.nan)
    for feature, value in zip(features, nats.tolist(), strict=True):
        place = FAMILIES.index(feature.family)
        if np.isnan(value):
            continue
        if np.isnan(found[place]):
            found[place] = value
        else:
            found[place] = found[place] + value if feature.family == "content" else max(found[place], value)
    lowest = np.full(len(FAMILIES), MIN_LEVEL_NATS)
    lowest[FAMILIES.index("evenness")] = -MAX_FAMILY_NATS  # a likelihood ratio, and as good against a dispatcher as for one
    clipped: Floats = np.clip(found, lowest, MAX_FAMILY_NATS)
    return clipped


def purpose(features: Sequence[Any], values: Floats, nats: Floats) -> Purpose:
    """Return how clearly a group's content says what its accounts are for. values, nats (before they are capped): (features,)."""
    content = float(np.nansum(nats[[feature.family == "content" for feature in features]]))
    script = float(np.nansum(values[[feature.name() == "one_script" for feature in features]]))
    if content >= SOLE and script >= UNRELATED:
        return Purpose.SOLE
    if content >= PLAIN:
        return Purpose.PLAIN
    return Purpose.LIKELY if content >= LIKELY else Purpose.UNPROVEN


def has_dealt_cards(members: Members) -> bool:
    """Return whether most of a group's accounts are bought with a few cards, each for several organisations."""
    return SharedCards.value(members) >= PURSES and float(_same_card(members).mean()) >= MOST_PAY


def member_families(members: Members, families: Floats) -> Floats:
    """Return every member's nats by family, its own or those of the group that it shows itself, (members, families)."""
    own = np.where(np.isnan(members.own), 0.0, members.own)
    shared = np.where(np.isnan(families), MIN_LEVEL_NATS, families)[None, :]
    shown = members.raw >= MATCH
    for name, matches in (("cohort", _same_cohort), ("payment", _same_card), ("evenness", _even), ("link", _linked)):
        shown[:, FAMILIES.index(name)] = matches(members)
    found = np.where(shown, np.maximum(own, shared), own)
    evenness = FAMILIES.index("evenness")
    found[:, evenness] = np.where(shared[0, evenness] < 0, shared[0, evenness], found[:, evenness])
    content = FAMILIES.index("content")
    found[:, content] = _content(members, float(shared[0, content]), own[:, content])
    return found


def outsiders(members: Members, suspect: Mask) -> Mask:
    """Return which of a template's suspects are alone with their program, or nearly, while most come in one or few, (members,).

    suspect: (members,). Outsiders share a text with the others and nothing else: a piece of a public task, which ordinary people meet as
    well, and several pools. So what the others show says nothing of them. A program that everybody uses has more of them, but of its users
    they are few. Where no program leads, as in a pool that is spread over many, nobody is outside.
    """
    outside = np.zeros(len(members), np.bool_)
    known = suspect & (members.router != 0)
    if members.kind != "template" or not known.any():
        return outside
    _, which, counts = np.unique(members.router[known], return_inverse=True, return_counts=True)
    leading = counts >= max(LEADS * len(which), 2)  # an account alone leads nobody
    suspected = np.bincount(which, np.exp(members.router_rarity[known]))  # of a program's users; up to a factor
    few = suspected < LEADS * np.max(suspected[leading], initial=0.0)
    leading &= ~few
    if 2 * counts[leading].sum() > len(which):
        outside[known] = (few | (~leading & (counts <= max(OUTSIDE * len(which), 1.0))))[which]
    return outside


def _content(members: Members, shared: float, own: Floats) -> Floats:
    """Credit a user of the group's templates with all of its content, others with what all members show, as far as they show it too."""
    raw = np.nan_to_num(members.family("content"), nan=MIN_LEVEL_NATS)
    alike = min(usual_content(members), MAX_FAMILY_NATS)
    borne_out = np.where(raw >= MATCH, np.minimum(alike, MAX_VOTING_PAYERS * raw), own)
    return np.maximum(own, np.where(job(members).users, shared, borne_out))


def _same_cohort(members: Members) -> Mask:
    """Return which members were created within two weeks of many others of the group."""
    created = np.sort(members.created[~np.isnan(members.created)])
    near = np.searchsorted(created, members.created + SAME_COHORT) - np.searchsorted(created, members.created - SAME_COHORT)
    mask: Mask = ~np.isnan(members.created) & (near - 1 >= np.maximum(2, COHORT_SHARE * len(members)))
    return mask


def _same_card(members: Members) -> Mask:
    """Return which members pay with a card that another organisation of the group pays with too."""
    pairs = np.unique(np.column_stack([members.payment, members.organization]), axis=0)
    cards, organizations = np.unique(pairs[:, 0], return_counts=True)
    mask: Mask = (members.payment != 0) & np.isin(members.payment, cards[organizations > 1])
    return mask


def _linked(members: Members) -> Mask:
    """Return which members share something beside the group's own link, or do nearly nothing but what links the group."""
    scripted = (np.nan_to_num(members.template_share) >= MIN_TEMPLATE_SHARE) & (members.kind == "template")
    mask: Mask = np.logical_or.reduce(
        [scripted, *(shared_links.shared(members, kind) for kind in shared_links.KINDS if kind != members.kind)]
    )
    return mask


def _even(members: Members) -> Mask:
    """Return which members do about as much as the middle of the group."""
    middle = max(float(np.median(members.requests)), 1.0)
    mask: Mask = (members.requests <= EVEN_FACTOR * middle) & (members.requests >= middle / EVEN_FACTOR)
    return mask
