"""When a group is scored, and what its score is: features of its members -> families -> which of them each member shows itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.accumulators.step import Floats
from models.evidence import extraction_rules, weighing
from models.evidence.extraction_rules import Extraction, Purpose, Rule
from models.evidence.families import FAMILIES
from models.state.columns import Columns, Slots
from streams.features.members import Members
from streams.stages import attribution
from streams.stages.groups.state import GroupState

MIN_MEMBERS = 3
TICK_GROWTH = 0.05
"""A group is scored when it has this share more requests than at its last score ..."""
TICK_INTERVAL_SECONDS = 60.0
"""... and this much event time has passed since, whichever is later;"""
CATCH_UP_GROWTH = 0.2
"""or at once with this share more: old events that are read in a hurry do not move the clock."""
EVIDENCE_ROW_FLOOR_NATS = 5.0
"""Evidence from which a group is a row for the cases stage, and is no reference for other groups."""
PUBLIC_SHARE = 0.02
MIN_PUBLIC_ACCOUNTS = 50
"""A link that this share of all accounts has, and this many, and that shows no router, is public: it is ignored as a link."""
MAX_PUBLIC_POOL_SHARE = 0.5
"""Unless this share of its members shows a pool itself: of hundreds of people some always share a card, or begin as others stop."""
_POOL_FAMILIES = [FAMILIES.index(name) for name in ("evenness", "cohort", "payment")]


@dataclass(frozen=True)
class GroupScore:
    """What a group scores now."""

    group: int
    members: Members
    values: Floats
    """Of the features, (features,)."""
    nats: Floats
    """Of the features, (features,), NaN where unknown."""
    families: Floats
    """Of the group, (families,)."""
    shown: Floats
    """What each member shows of them itself, (members, families)."""
    purpose: Purpose
    cards_dealt: bool
    is_public: bool
    """Whether many ordinary accounts have this link: it then has no evidence."""
    extraction: float
    """Evidence that the group extracts the model, nats."""
    rule: Rule | None
    """Which rule held for `extraction`, None where none did."""
    routing: float
    """Evidence that the group is a router's or reseller's, nats."""

    def judge(self, families: Floats) -> Extraction:
        """Return the evidence of members with these families, (members, families), by this group's purpose and cards."""
        return extraction_rules.extraction(families, purpose=self.purpose, cards_dealt=self.cards_dealt)


def due(state: GroupState, groups: Slots) -> Slots:
    """Return which of these groups are to be scored now."""
    table = state.table
    requests, scored_requests = table["requests"][groups], table["tick_requests"][groups]
    waited = table["clock"][groups] - table["tick_time"][groups] >= TICK_INTERVAL_SECONDS
    enough = np.array([state.size(group) >= MIN_MEMBERS for group in groups.tolist()])
    grown = requests >= scored_requests * (1 + TICK_GROWTH)
    catching_up = requests >= scored_requests * (1 + CATCH_UP_GROWTH)
    chosen: Slots = groups[enough & ((waited & grown) | catching_up)]
    return chosen


def score(group: int, members: Members, features: Sequence[Any], population: float) -> GroupScore:
    """Return a group's score; nothing is changed. population: about how many accounts there are in all."""
    values = np.array([feature.value(members) for feature in features], np.float64)
    nats = np.array([_nats(feature, value) for feature, value in zip(features, values, strict=True)])
    families = attribution.group_families(features, nats)
    shown = attribution.member_families(members, families)
    purpose, cards_dealt = attribution.purpose(features, values, nats), attribution.has_dealt_cards(members)
    routing = float(weighing.routing(families[None])[0])
    public = is_public(shown, population, routing)
    verdict = extraction_rules.extraction(families[None], purpose=purpose, cards_dealt=cards_dealt)
    extraction, rule = (0.0, None) if public else (float(verdict.nats[0]), verdict.rule())
    return GroupScore(
        group, members, values, nats, families, shown, purpose, cards_dealt, public, extraction, rule, 0.0 if public else routing
    )


def is_public(shown: Floats, population: float, routing: float) -> bool:
    """Return whether many accounts have a link, few of them show a pool, and the usual one shows no router.

    shown: nats that each member shows itself, (members, families). population: accounts in all. routing: nats of the group.
    """
    many = len(shown) >= max(MIN_PUBLIC_ACCOUNTS, PUBLIC_SHARE * population)
    pooled = (shown[:, _POOL_FAMILIES] >= weighing.MIN_EVIDENCE_NATS).any(axis=1).mean()
    return bool(many and pooled < MAX_PUBLIC_POOL_SHARE and routing < EVIDENCE_ROW_FLOOR_NATS)


def record(table: Columns, scored: GroupScore) -> None:
    """Keep a score as its group's newest. table: of groups."""
    group = scored.group
    table["common"][group] = scored.is_public
    table["best_extraction"][group] = max(table["best_extraction"][group], scored.extraction)
    table["best_routing"][group] = max(table["best_routing"][group], scored.routing)
    table["tick_requests"][group], table["tick_time"][group] = table["requests"][group], table["clock"][group]


def _nats(feature: Any, value: float) -> float:
    return np.nan if feature.nats is None or np.isnan(value) else float(feature.nats(value))
