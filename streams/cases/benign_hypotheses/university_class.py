"""Benign hypothesis `university_class`: students of one school join together and work alike."""

from __future__ import annotations

from models.evidence.weighing import MIN_EVIDENCE_NATS
from streams.cases.hypothesis import DISPATCHER_HINT_NATS, Answer, BenignHypothesis, Facts


def _ask(facts: Facts) -> Answer:
    uneven = facts.nats("evenness") < DISPATCHER_HINT_NATS
    fits = not facts.alone and facts.nats("cohort") >= MIN_EVIDENCE_NATS and uneven and facts.organizations == 1
    return fits, f"{facts.nats_clause('cohort')}, {facts.nats_clause('evenness')}, {facts.paying()}"


hypothesis = BenignHypothesis(
    name="university class",
    needs="accounts created together, loads that differ as people's do, and one school that pays",
    order=40,
    ask=_ask,
    example=Facts(alone=False, accounts=60, organizations=1, cards=1, families={"cohort": 6.0, "evenness": -1.0}, features={}),
)
