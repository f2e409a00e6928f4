"""Benign hypothesis `batch_job`: a nightly or a bulk job runs on one account."""

from __future__ import annotations

from models.evidence.weighing import MIN_EVIDENCE_NATS
from streams.cases.hypothesis import PLAIN_CONTENT_NATS, Answer, BenignHypothesis, Facts


def _ask(facts: Facts) -> Answer:
    fits = facts.alone and facts.nats("timing") >= MIN_EVIDENCE_NATS and facts.nats("content") < PLAIN_CONTENT_NATS
    return fits, f"{facts.present()}; {facts.nats_clause('timing')}, {facts.nats_clause('content')}"


hypothesis = BenignHypothesis(
    name="batch job",
    needs="one account, timed by a machine, that asks for nothing in particular",
    order=20,
    ask=_ask,
    example=Facts(alone=True, accounts=1, organizations=1, cards=1, families={"timing": 4.0, "content": 1.0}, features={}),
)
