"""Benign hypothesis `shared_task`: people with one task, as in a competition or a course, ask alike, each as much as it takes."""

from __future__ import annotations

from models.evidence.weighing import MIN_EVIDENCE_NATS
from streams.cases.hypothesis import Answer, BenignHypothesis, Facts


def _ask(facts: Facts) -> Answer:
    fits = not facts.alone and facts.nats("evenness") <= -MIN_EVIDENCE_NATS
    return fits, f"{facts.nats_clause('evenness')}, and {facts.present()}"


hypothesis = BenignHypothesis(
    name="people with the same task",
    needs=f"several accounts whose load is people's: evenness of -{MIN_EVIDENCE_NATS:g} nats or less",
    order=48,
    ask=_ask,
    tellable=False,
    example=Facts(
        alone=False, accounts=30, organizations=30, cards=30, families={"content": 7.0, "cohort": 5.0, "evenness": -7.0}, features={}
    ),
)
