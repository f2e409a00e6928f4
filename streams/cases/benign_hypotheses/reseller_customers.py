"""Benign hypothesis `reseller_customers`: people buy from a reseller and ask for themselves."""

from __future__ import annotations

from models.evidence.weighing import MIN_EVIDENCE_NATS
from streams.cases.hypothesis import Answer, BenignHypothesis, Facts


def _ask(facts: Facts) -> Answer:
    return facts.nats("content") < MIN_EVIDENCE_NATS, f"{facts.nats_clause('content')}; routing has {facts.routing:.1f}"


hypothesis = BenignHypothesis(
    name="ordinary customers of a reseller",
    needs="people who ask for themselves: little evidence of content",
    order=100,
    ask=_ask,
    example=Facts(alone=True, accounts=1, organizations=1, cards=1, families={"content": 0.4}, features={}, routing=8.0),
)
