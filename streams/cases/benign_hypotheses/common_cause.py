"""Benign hypothesis `common_cause`: people of one course, team or trade join, pay or write alike, and each of them works alone."""

from __future__ import annotations

import math
from typing import Final

from models.evidence.families import FAMILIES
from models.evidence.weighing import EVENNESS, MIN_EVIDENCE_NATS, OPERATION
from streams.cases.hypothesis import Answer, BenignHypothesis, Facts
from streams.stages.attribution import MIN_DEALT_CARDS

OPERATOR_FAMILIES: Final = tuple(FAMILIES[family] for family in OPERATION)
"""Families that show who runs the accounts, and not only that they belong together."""
EVEN_LOAD: Final = FAMILIES[EVENNESS]
"""The family that shows it only where another one hints at it: staff with quotas and strangers with one timer have even loads, too."""
HINTING_FAMILIES: Final = (*OPERATOR_FAMILIES, "payment")
HINTING_NATS: Final = MIN_EVIDENCE_NATS / 2
"""Evidence of one of HINTING_FAMILIES from which an even load shows one operator."""


def _ask(facts: Facts) -> Answer:
    even = facts.nats(EVEN_LOAD) >= MIN_EVIDENCE_NATS and any(facts.nats(family) >= HINTING_NATS for family in HINTING_FAMILIES)
    operated = even or any(facts.nats(family) >= MIN_EVIDENCE_NATS for family in OPERATOR_FAMILIES)
    cards = facts.feature("shared_cards")
    fits = not (facts.alone or operated or cards >= MIN_DEALT_CARDS)
    shared = "" if math.isnan(cards) else f"; cards that several organisations share: {cards:.0f}"
    return fits, f"{', '.join(map(facts.nats_clause, (EVEN_LOAD, *HINTING_FAMILIES)))}{shared}"


hypothesis = BenignHypothesis(
    name="people who belong together",
    needs=(
        f"less than {MIN_EVIDENCE_NATS:g} nats of {', '.join(OPERATOR_FAMILIES)} each, no {MIN_EVIDENCE_NATS:g} nats of {EVEN_LOAD} beside "
        f"{HINTING_NATS:g} of {' or '.join(HINTING_FAMILIES)}, and a sponsor's or a family's cards at most"
    ),
    order=49,
    ask=_ask,
    tellable=False,
    example=Facts(
        alone=False,
        accounts=28,
        organizations=28,
        cards=1,
        families={"content": 7.0, "cohort": 5.0, "payment": 6.0, "evenness": 0.1},
        features={},
    ),
)
