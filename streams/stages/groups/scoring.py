"""When a group is scored, and its score: features of its members -> families -> attribution of the families to members."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from models.accumulators.short import distinct
from models.arrays import Floats, Mask
from models.durations import HOUR
from models.evidence import additive, extraction_rules, questions, weighing
from models.evidence.additive import Additive
from models.evidence.extraction_rules import Extraction, ExtractionRule
from models.evidence.families import FAMILIES
from models.evidence.questions import Limits, Question
from models.state.columns import Columns, Slots
from streams.features.group.evenness import expected_if_people
from streams.features.members import Members
from streams.stages import attribution
from streams.stages.groups import model_inputs
from streams.stages.groups.model_inputs import MODEL_INPUTS, GroupFacts
from streams.stages.groups.state import GroupState
from streams.stages.reporting import EVIDENCE_ROW_FLOOR_NATS, TICK_INTERVAL_SECONDS

GROUP_TICK_GROWTH_SHARE = 0.05
"""Growth of requests since the last score from which a group is scored again, if TICK_INTERVAL_SECONDS have passed too."""
CATCH_UP_GROWTH_SHARE = 0.2
"""Growth of requests from which a group is scored at once: a backlog adds many events while the event time hardly moves."""
MIN_TEST_POWER_NATS = 2.0
"""Nats that the load of people would have against a dispatcher by now, from which its silence speaks for one."""
MIN_PUBLIC_GROUP_SHARE = 0.02
"""Share of all accounts from which a link without signs of a router is public and is ignored as a link."""
MIN_PUBLIC_GROUP_PAYERS = 50
"""Payers that a public link has at least."""
MAX_PUBLIC_POOL_SHARE = 0.5
"""Share of members with signs of a pool up to which a link can be public: of hundreds of people some always share a card by chance."""
_POOL_FAMILIES = [FAMILIES.index(name) for name in ("evenness", "cohort", "payment")]


@dataclass(frozen=True, kw_only=True)
class GroupScore:
    """The score of a group."""

    group: int
    members: Members
    """Those that were judged: all, or some of a large group."""
    values: Floats
    """Values of the features, (features,), NaN where unknown."""
    nats: Floats
    """Evidence by feature, (features,), NaN where unknown."""
    families: Floats
    """Evidence by family, nats, (families,), NaN where unknown."""
    attributed: Floats
    """Nats by family of each member, (members, families); outsiders keep only their own."""
    judgement: Extraction
    """Evidence that each member extracts the model, (members,): the trained judgement's, and the rules that held."""
    limits: Limits
    """Why each member is a question at most (`Question`), (members,)."""
    extraction: float
    """Evidence that the group extracts the model, nats: what MIN_SUSPECT_MEMBERS of its members have."""
    rule: ExtractionRule | None
    """The rule that held for `extraction`, None where none did."""
    question: Question
    """What limits `extraction`."""
    model_inputs: Floats
    """What the trained model is given of each member, (members, inputs), NaN where unknown; of a public link no rows."""
    routing: float
    """Evidence that the group is a router's or reseller's, nats."""
    handed_over: Mask
    """Which members were handed over, (members,): their evidence is at most that of a question."""
    is_public: bool = False
    """Whether many ordinary accounts have this link: its evidence is then 0."""

    @classmethod
    def public(cls, group: int, members: Members, values: Floats, nats: Floats, families: Floats, shown: Floats) -> GroupScore:
        """Return the score of a public link, which has no evidence.

        Args:
            group: Slot of the group.
            members: Its members.
            values: Values of the features, (features,), NaN where unknown.
            nats: Evidence by feature, (features,), NaN where unknown.
            families: Evidence by family, nats, (families,), NaN where unknown.
            shown: Nats by family attributed to each member, (members, families).
        """
        return cls(
            group=group,
            members=members,
            values=values,
            nats=nats,
            families=families,
            attributed=shown,
            judgement=Extraction(np.zeros(len(members)), np.full(len(members), extraction_rules.NO_RULE_INDEX)),
            limits=np.zeros(len(members), np.int8),
            extraction=0.0,
            rule=None,
            question=Question.NONE,
            model_inputs=np.empty((0, len(MODEL_INPUTS))),
            routing=0.0,
            handed_over=np.zeros(len(members), np.bool_),
            is_public=True,
        )


def due(state: GroupState, groups: Slots) -> Slots:
    """Return which of these groups have to be scored now, (due,)."""
    table = state.table
    requests, scored_requests = table["requests"][groups], table["tick_requests"][groups]
    waited = table["clock"][groups] - table["tick_time"][groups] >= TICK_INTERVAL_SECONDS
    enough = np.array([state.size(group) >= weighing.MIN_SUSPECT_MEMBERS for group in groups.tolist()])
    grown = requests >= scored_requests * (1 + GROUP_TICK_GROWTH_SHARE)
    standing = (table["last_evidence_row_nats"][groups] >= EVIDENCE_ROW_FLOOR_NATS) & (
        table["clock"][groups] - table["tick_time"][groups] >= HOUR
    )
    catching_up = requests >= scored_requests * (1 + CATCH_UP_GROWTH_SHARE)
    chosen: Slots = groups[enough & ((waited & grown) | catching_up | standing)]
    return chosen


def score(
    group: int,
    members: Members,
    features: Sequence[Any],
    population: float,
    model: Additive | None = None,
    judged: Members | None = None,
) -> GroupScore:
    """Return a group's score; no state changes.

    Args:
        group: Slot of the group.
        members: Its members, by which it is described.
        features: Features of groups.
        population: Approximate number of all accounts.
        model: What judges the members; None: the stored one.
        judged: The members to judge; None: those that describe it.
    """
    read_whole: Mapping[str, float] = members.whole.values if members.whole else {}
    values = np.array([read_whole[feature.name()] if feature.name() in read_whole else feature.value(members) for feature in features])
    nats = np.array([_nats(feature, value) for feature, value in zip(features, values, strict=True)])
    families = attribution.group_families(features, nats)
    judged = members if judged is None else judged
    shown = attribution.member_families(judged, families)
    routing = float(weighing.routing(families[None])[0])
    if is_public(shown, payers(members), population, routing):
        return GroupScore.public(group, judged, values, nats, families, shown)
    expected = expected_if_people(members)
    judge = partial(
        extraction_rules.extraction,
        purpose=attribution.purpose(features, values, nats),
        cards_dealt=attribution.has_dealt_cards(members),
        load_test_has_power=expected >= MIN_TEST_POWER_NATS,
    )
    attributed, ruled = _attributed(judged, shown, judge)
    facts = replace(GroupFacts.of(judged, features, values, nats, families, ruled.nats, expected), described_by=members)
    inputs = model_inputs.read(facts)
    trained = (model or additive.trained()).nats(inputs)
    by_rule = asked_by_rule(ruled, trained)
    handed_over = attribution.handed_over(judged)
    nats_of_members, limits = questions.limited(
        trained,
        by_rule,
        handed_over=handed_over,
        without_purpose=attribution.without_purpose(judged),
        without_part=attribution.without_part(judged),
    )
    judgement = Extraction(nats_of_members, ruled.rules)
    weakest = int(np.argsort(-judgement.nats, kind="stable")[min(weighing.MIN_SUSPECT_MEMBERS, len(judged)) - 1])
    return GroupScore(
        group=group,
        members=judged,
        values=values,
        nats=nats,
        families=families,
        attributed=attributed,
        judgement=judgement,
        limits=limits,
        extraction=float(judgement.nats[weakest]),
        rule=judgement.rule(weakest),
        question=Question(int(limits[weakest])),
        model_inputs=inputs,
        routing=routing,
        handed_over=handed_over,
    )


def asked_by_rule(ruled: Extraction, trained: Floats) -> Mask:
    """Return of which members a rule holds with the evidence of an alert, and the trained judgement has less than a question, (members,).

    Each of the two is wrong about crowds that the other knows: where they disagree, the evidence is a question.

    >>> rules = Extraction(np.array([14.0, 14.0, 12.0, 6.5]), np.array([0, 0, 0, extraction_rules.NO_RULE_INDEX]))
    >>> asked_by_rule(rules, np.array([5.0, 10.0, 5.0, 5.0])).tolist()
    [True, False, False, False]

    Args:
        ruled: Evidence by the rules.
        trained: Nats by the trained judgement, (members,).
    """
    held = ruled.rules != extraction_rules.NO_RULE_INDEX
    mask: Mask = held & (ruled.nats >= weighing.ALERT_THRESHOLD_NATS) & (trained < weighing.SUSPECT_NATS)
    return mask


def _attributed(members: Members, shown: Floats, judge: Callable[[Floats], Extraction]) -> tuple[Floats, Extraction]:
    """Return the members' nats by family, (members, families), and what the rules say of each; outsiders keep only their own evidence.

    Args:
        members: A group's.
        shown: Nats by family attributed to each, (members, families).
        judge: The rules, given the group's purpose, cards and load.
    """
    judgement = judge(shown)
    outside = attribution.outsiders(members, judgement.nats >= weighing.SUSPECT_NATS)
    if not outside.any():  # outsiders are known only after a first judgement of who is suspect
        return shown, judgement
    families = np.where(outside[:, None], np.nan_to_num(members.evidence_shrunk), shown)
    return families, judge(families)


def is_public(shown: Floats, paying: int, population: float, routing: float) -> bool:
    """Return whether the accounts of many payers have a link, few of them have signs of a pool, and the group has no signs of a router.

    Args:
        shown: Nats by family attributed to each member, (members, families).
        paying: Number of the members' payers.
        population: Approximate number of all accounts.
        routing: Evidence that the group is a router, nats.
    """
    many = paying >= max(MIN_PUBLIC_GROUP_PAYERS, MIN_PUBLIC_GROUP_SHARE * population)
    pooled = (shown[:, _POOL_FAMILIES] >= weighing.MIN_EVIDENCE_NATS).any(axis=1).mean()
    return bool(many and pooled < MAX_PUBLIC_POOL_SHARE and routing < EVIDENCE_ROW_FLOOR_NATS)


def payers(members: Members) -> int:
    """Return how many pay for these members; one whose card is unknown pays for itself.

    >>> from streams.testing.feature_trial import members_of
    >>> payers(members_of(payment=[7, 7, 8, 0, 0]))
    4
    """
    if members.whole:
        return members.whole.payers
    cards = members.links["payment"]
    known = cards[cards != 0]
    return len(distinct(known)) + len(cards) - len(known)


def record(table: Columns, scored: GroupScore) -> None:
    """Store a score as its group's newest. table: groups, changed in place."""
    group = scored.group
    table["is_public_link"][group] = scored.is_public
    table["best_extraction"][group] = max(table["best_extraction"][group], scored.extraction)
    table["best_routing"][group] = max(table["best_routing"][group], scored.routing)
    table["tick_requests"][group], table["tick_time"][group] = table["requests"][group], table["clock"][group]


def _nats(feature: Any, value: float) -> float:
    return np.nan if feature.nats is None or np.isnan(value) else float(feature.nats(value))
