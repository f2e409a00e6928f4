"""Benign hypothesis `shared_tool`: people of one trade who pay and work apart ask with the same tool and the same wording."""

from __future__ import annotations

from models.evidence.families import FAMILIES
from models.evidence.weighing import BELONGING, MIN_EVIDENCE_NATS
from streams.cases.hypothesis import Answer, BenignHypothesis, Facts


def _ask(facts: Facts) -> Answer:
    belonging = sum(max(0.0, facts.nats(FAMILIES[family])) for family in BELONGING)
    operated = max(belonging, facts.nats("evenness"), facts.nats("timing"))
    fits = not facts.alone and operated < MIN_EVIDENCE_NATS
    because = (
        f"creation, payment and links have {belonging:.1f} nats together, {facts.nats_clause('evenness')}, {facts.nats_clause('timing')}"
    )
    return fits, because


hypothesis = BenignHypothesis(
    name="people of one trade with the same tool",
    needs="accounts that were not created together, pay and connect apart, and are used at people's hours and rates",
    order=45,
    ask=_ask,
    tellable=False,
    example=Facts(
        alone=False, accounts=30, organizations=30, cards=30, families={"content": 7.0, "client": 2.0, "network": 3.0}, features={}
    ),
)
