"""Benign hypothesis `hackathon`: people join on one day, and each works alone."""

from __future__ import annotations

import math

from models.evidence.weighing import MIN_EVIDENCE_NATS
from streams.cases.hypothesis import DISPATCHER_HINT_NATS, Answer, BenignHypothesis, Facts
from streams.stages.attribution import MIN_DEALT_CARDS


def _ask(facts: Facts) -> Answer:
    shared = facts.feature("shared_cards")
    uneven = facts.nats("evenness") < DISPATCHER_HINT_NATS
    fits = not facts.alone and facts.nats("cohort") >= MIN_EVIDENCE_NATS and uneven and not shared >= MIN_DEALT_CARDS
    cards = "" if math.isnan(shared) else f"; cards that several organisations share: {shared:.0f}"
    return fits, f"{facts.nats_clause('cohort')}, {facts.nats_clause('evenness')}{cards}"


hypothesis = BenignHypothesis(
    name="hackathon or first day at a company",
    needs="accounts created together, loads that differ as people's do, and a sponsor's card at most",
    order=50,
    ask=_ask,
    example=Facts(alone=False, accounts=60, organizations=60, cards=1, families={"cohort": 6.0, "evenness": -1.0}, features={}),
)
