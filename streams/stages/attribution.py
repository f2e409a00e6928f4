"""How much of a group's evidence counts for each member.

A family of the group counts for a member only where the member shows it too. Otherwise the ordinary customers of a reseller would raise
alerts because the same relay also carries a campaign.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.accumulators.short import known_or_zero, median, tallied
from models.arrays import Floats, Mask
from models.durations import DAY, HOUR
from models.evidence.extraction_rules import Purpose
from models.evidence.families import FAMILIES
from models.evidence.links import MIN_PAYERS
from models.evidence.units import distinct_pairs
from models.evidence.weighing import MAX_FAMILY_NATS, MIN_LEVEL_NATS
from streams.features import shared_links
from streams.features.group.member_content import MAX_MEMBER_CONTENT_PAYERS, usual_content
from streams.features.group.one_script import SOLE_TEMPLATE_SHARE
from streams.features.group.shared_cards import SharedCards
from streams.features.group.shared_template import job
from streams.features.members import Members

LIKELY_PURPOSE_NATS = 2 * MAX_FAMILY_NATS
PLAIN_PURPOSE_NATS = 2.5 * MAX_FAMILY_NATS
SOLE_PURPOSE_NATS = 7.5 * MAX_FAMILY_NATS
"""Nats of a group's content, uncapped, from which its purpose is likely, plain, or the accounts' sole one."""
MIN_DEALT_CARDS = 3
"""Cards that each pay for several organisations. A sponsor or an agency has one or two."""
MIN_DEALT_CARD_SHARE = 0.5
"""Share of a group's accounts that pay with such a card. Among hundreds of users of a program a few pairs always do."""
MIN_UNRELATED_PROGRAMS = 3
"""Programs beyond the first that are unrelated to each other. Three in all can be the clients of one application."""
MEMBER_MATCH_NATS = 0.5
"""Raw nats from which a member shows a family itself: about the upper fifth of ordinary accounts."""
COHORT_WINDOW_SECONDS = 14 * DAY
MIN_COHORT_SHARE = 0.3
MAX_EVEN_LOAD_FACTOR = 3.0
MIN_OWN_WORK_SECONDS = HOUR
"""Time in another program before, from which an account may have been handed over. A pool's own accounts work in its program at once."""
ESTABLISHED_SECONDS = 14 * DAY
"""Age at which an account is established: a pool that signs up accounts would have to wait as long to look like stolen keys."""
MIN_LEADING_SHARE = 0.25
"""Share of a template's suspects from which a program is a leading one. The share of suspects among its users must also be at least this
part of the largest such share of any program."""
MAX_OUTSIDER_SHARE = 0.1
"""Share of a template's suspects up to which the users of a program that does not lead are outsiders, if most suspects use leading ones."""


def group_families(features: Sequence[Any], nats: Floats) -> Floats:
    """Return a group's nats by family, (families,), NaN where no feature is known.

    The features of content add up, because common texts and the members' own prompts are independent observations. Of every other family
    the strongest feature counts.

    Args:
        features: Features of groups, in the order of `nats`.
        nats: Evidence by feature, (features,), NaN where unknown.
    """
    families = np.full(len(FAMILIES), np.nan)
    for feature, value in zip(features, nats.tolist(), strict=True):
        position = FAMILIES.index(feature.family)
        if np.isnan(value):
            continue
        if np.isnan(families[position]):
            families[position] = value
        else:
            families[position] = families[position] + value if feature.family == "content" else max(families[position], value)
    lowest = np.full(len(FAMILIES), MIN_LEVEL_NATS)
    lowest[FAMILIES.index("evenness")] = -MAX_FAMILY_NATS  # a likelihood ratio is as strong against a dispatcher as for one
    clipped: Floats = np.clip(families, lowest, MAX_FAMILY_NATS)
    return clipped


def purpose(features: Sequence[Any], values: Floats, nats: Floats) -> Purpose:
    """Return how clearly a group's content shows what its accounts are for.

    Args:
        features: Features of groups.
        values: Their values, (features,), NaN where unknown.
        nats: Their evidence before the caps, (features,), NaN where unknown.
    """
    content = float(known_or_zero(nats[[feature.family == "content" for feature in features]]).sum())
    script = float(known_or_zero(values[[feature.name() == "one_script" for feature in features]]).sum())
    if content >= SOLE_PURPOSE_NATS and script >= MIN_UNRELATED_PROGRAMS:
        return Purpose.SOLE
    if content >= PLAIN_PURPOSE_NATS:
        return Purpose.PLAIN
    return Purpose.LIKELY if content >= LIKELY_PURPOSE_NATS else Purpose.UNPROVEN


def has_dealt_cards(members: Members) -> bool:
    """Return whether most of a group's accounts are paid with a few cards that each pay for several organisations."""
    return SharedCards.value(members) >= MIN_DEALT_CARDS and float(_same_card(members).mean()) >= MIN_DEALT_CARD_SHARE


def member_families(members: Members, families: Floats) -> Floats:
    """Return every member's nats by family, (members, families): its own, or the group's where the member shows the family itself.

    A group has 5 nats of timing. One member's own requests are timed as by a machine too, another's are not:

    >>> from streams.testing.feature_trial import members_of
    >>> timing, families = FAMILIES.index("timing"), np.full(len(FAMILIES), np.nan)
    >>> families[timing] = 5.0
    >>> member_families(members_of(timing=[3.0, 0.1]), families)[:, timing].tolist()
    [5.0, 0.1]

    Args:
        members: The group's members.
        families: The group's nats by family, (families,), NaN where unknown.
    """
    own = np.where(np.isnan(members.evidence_shrunk), 0.0, members.evidence_shrunk)
    shared = np.where(np.isnan(families), MIN_LEVEL_NATS, families)[None, :]
    shown = members.evidence_raw >= MEMBER_MATCH_NATS
    for name, matches in (("cohort", _same_cohort), ("payment", _same_card), ("evenness", _even), ("link", _linked)):
        shown[:, FAMILIES.index(name)] = matches(members)
    attributed = np.where(shown, np.maximum(own, shared), own)
    evenness = FAMILIES.index("evenness")
    attributed[:, evenness] = np.where(shared[0, evenness] < 0, shared[0, evenness], attributed[:, evenness])
    content = FAMILIES.index("content")
    attributed[:, content] = _content(members, float(shared[0, content]), own[:, content])
    return attributed


def outsiders(members: Members, suspect: Mask) -> Mask:
    """Return which of a template's suspects use a program that hardly any other suspect uses, while most use a few leading ones.

    Outsiders share only a text with the others, for example a piece of a public task, so the evidence of the others does not apply to
    them. A very common program can have many suspects and still few among all its users. Where no program leads, as in a pool over many
    programs, there are no outsiders.

    Args:
        members: The group's members; only a group of kind `template` has outsiders.
        suspect: Which members are suspect, (members,).

    Returns:
        Which members are outsiders, (members,).
    """
    outside = np.zeros(len(members), np.bool_)
    known = suspect & (members.links["router"] != 0)
    if members.kind != "template" or not known.any():
        return outside
    outside[known] = _outside(members.links["router"][known], members.rarities["router"][known])
    return outside


def handed_over(members: Members) -> Mask:
    """Return which members are established accounts that came to a program after hours of work in another one, (members,).

    Somebody else may use their key: who pays for them is to be warned, not accused. An account that was sold looks the same.

    An account that is a year old came after ten hours, another after ten minutes; a third, a week old, came after ten hours too:

    >>> from streams.testing.feature_trial import members_of
    >>> came = members_of(account_first=[0, 0, 0], router_since=[36_000, 600, 36_000], created=[-365 * DAY, -365 * DAY, -7 * DAY])
    >>> handed_over(came).tolist()
    [True, False, False]
    """
    return came_from_elsewhere(members.router_since, members.account_first, members.created)


def without_purpose(members: Members) -> Mask:
    """Return which members ask for less that is worth harvesting than an ordinary account does, (members,).

    They may be customers of a relay, or users of a tool, that a campaign shares: what their group shows is a question about them at most.
    A member whose content is unknown is none of them.

    >>> from streams.testing.feature_trial import members_of
    >>> without_purpose(members_of(content=[1.5, -0.4, np.nan])).tolist()
    [False, True, False]
    """
    mask: Mask = members.family("content") < 0
    return mask


def without_part(members: Members) -> Mask:
    """Return which members began no work in their group, (members,): they took part in what others had begun.

    What the group shows is a question about them at most.

    >>> from streams.testing.feature_trial import members_of
    >>> without_part(members_of(work_items=[3, 0])).tolist()
    [False, True]
    """
    mask: Mask = members.work_items == 0
    return mask


def came_from_elsewhere(router_since: Floats, first: Floats, created: Floats) -> Mask:
    """Return which accounts were established, and had worked for hours in another program, when they came to theirs, (accounts,).

    Args:
        router_since: When each came to its program from another one, epoch seconds; NaN where it has its first.
        first: Its first request, epoch seconds.
        created: When it was created, epoch seconds; NaN where unknown.
    """
    mask: Mask = (router_since - first >= MIN_OWN_WORK_SECONDS) & (router_since - created >= ESTABLISHED_SECONDS)
    return mask


def _outside(programs: NDArray[np.uint64], rarity: Floats) -> Mask:
    """Return which suspects are outside of the leading programs, (suspects,); none where no program leads.

    Nine suspects use program 1 and one uses program 2, which is as rare among all accounts:

    >>> _outside(np.repeat(np.array([1, 2], np.uint64), [9, 1]), np.full(10, 5.0)).nonzero()[0].tolist()
    [9]

    Ten suspects with a program each have no leading program:

    >>> bool(_outside(np.arange(1, 11, dtype=np.uint64), np.full(10, 5.0)).any())
    False

    Args:
        programs: Router fingerprint of each suspect, (suspects,).
        rarity: -ln of the share of all accounts with that fingerprint, (suspects,).
    """
    _, which, counts = np.unique(programs, return_inverse=True, return_counts=True)
    leading = counts >= max(MIN_LEADING_SHARE * len(which), 2)  # a program with one suspect cannot lead
    suspected = np.bincount(which, np.exp(rarity))  # share of suspects among a program's users, up to a factor
    few = suspected < MIN_LEADING_SHARE * np.max(suspected[leading], initial=0.0)
    leading &= ~few
    if 2 * counts[leading].sum() <= len(which):
        return np.zeros(len(which), np.bool_)
    outside: Mask = (few | (~leading & (counts <= max(MAX_OUTSIDER_SHARE * len(which), 1.0))))[which]
    return outside


def _content(members: Members, shared: float, own: Floats) -> Floats:
    """Return the nats of content of every member, (members,).

    A user of the group's templates has all of the group's content. Others have what is usual among all members, as far as they show it too.
    """
    raw = np.nan_to_num(members.family("content"), nan=MIN_LEVEL_NATS)
    usual = min(usual_content(members), MAX_FAMILY_NATS)
    confirmed = np.where(raw >= MEMBER_MATCH_NATS, np.minimum(usual, MAX_MEMBER_CONTENT_PAYERS * raw), own)
    return np.maximum(own, np.where(job(members).users, shared, confirmed))


def _same_cohort(members: Members) -> Mask:
    """Return which members were created within two weeks of many others of the group.

    >>> from streams.testing.feature_trial import members_of
    >>> _same_cohort(members_of(created=[0.0, DAY, 2 * DAY, 300 * DAY])).tolist()
    [True, True, True, False]
    """
    created = np.sort(members.created[~np.isnan(members.created)])
    near = np.searchsorted(created, members.created + COHORT_WINDOW_SECONDS) - np.searchsorted(
        created, members.created - COHORT_WINDOW_SECONDS
    )
    mask: Mask = ~np.isnan(members.created) & (near - 1 >= np.maximum(2, MIN_COHORT_SHARE * len(members)))
    return mask


def _same_card(members: Members) -> Mask:
    """Return which members pay with a card that another organisation of the group pays with too."""
    payment = members.links["payment"]
    if members.whole:
        shared = members.whole.shared_cards
    else:
        cards, organisations = tallied(distinct_pairs(payment, members.links["organization"])[0])
        shared = cards[organisations > 1]
    mask: Mask = (payment != 0) & np.isin(payment, shared)
    return mask


def _linked(members: Members) -> Mask:
    """Return which members share a second link beside the group's own, or have hardly any other prompts than the group's template.

    Two payers behind one router have a rare network in common, a third has another one:

    >>> from streams.testing.feature_trial import members_of
    >>> _linked(members_of(kind="router", subnet=[5, 5, 6], subnet_rarity=[9, 9, 9], organization=[1, 2, 3])).tolist()
    [True, True, False]
    """
    scripted = (known_or_zero(members.template_share) >= SOLE_TEMPLATE_SHARE) & (members.kind == "template")
    mask: Mask = np.logical_or.reduce([scripted, *(shared_links.shared(members, kind) for kind in MIN_PAYERS if kind != members.kind)])
    return mask


def _even(members: Members) -> Mask:
    """Return which members have about as many requests as the group's median."""
    middle = max(median(members.requests), 1.0)
    mask: Mask = (members.requests <= MAX_EVEN_LOAD_FACTOR * middle) & (members.requests >= middle / MAX_EVEN_LOAD_FACTOR)
    return mask
