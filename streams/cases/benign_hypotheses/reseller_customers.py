"""Benign hypothesis `reseller_customers`: people buy from a reseller and ask for themselves."""

from __future__ import annotations

from models.evidence.weighing import SPOKEN
from streams.cases.hypothesis import Answer, BenignHypothesis, Facts


def _ask(facts: Facts) -> Answer:
    return facts.nats("content") < SPOKEN, f"customers ask for themselves: {facts.nats_clause('content')}, routing with {facts.routing:.1f}"


hypothesis = BenignHypothesis(
    name="ordinary customers of a reseller",
    order=100,
    ask=_ask,
    example=Facts(alone=True, accounts=1, organizations=1, cards=1, families={"content": 0.4}, features={}, routing=8.0),
)
