"""Benign hypothesis `launch_day`: strangers try a new model on the day of its release."""

from __future__ import annotations

from models.evidence.weighing import MIN_EVIDENCE_NATS
from streams.cases.hypothesis import PLAIN_CONTENT_NATS, Answer, BenignHypothesis, Facts


def _ask(facts: Facts) -> Answer:
    linked = max(facts.nats(family) for family in ("evenness", "cohort", "payment", "link"))
    fits = linked < MIN_EVIDENCE_NATS and facts.nats("content") < PLAIN_CONTENT_NATS
    return fits, f"what links the accounts has {linked:.1f} nats at most, {facts.nats_clause('content')}"


hypothesis = BenignHypothesis(
    name="launch-day enthusiasts",
    needs="strangers: nothing links the accounts, and they ask for nothing in particular",
    order=110,
    ask=_ask,
    example=Facts(alone=False, accounts=90, organizations=90, cards=90, families={"content": 1.0}, features={}),
)
