"""Benign hypothesis `synthetic_data`: a customer makes training data for itself, as its contract permits."""

from __future__ import annotations

from models.evidence.weighing import MIN_EVIDENCE_NATS
from streams.cases.hypothesis import Answer, BenignHypothesis, Facts, fits_unless


def _ask(facts: Facts) -> Answer:
    fits = facts.organizations == 1 and facts.cards == 1 and facts.nats("client") < MIN_EVIDENCE_NATS
    because = f"{facts.payers()}, {facts.nats_clause('client')}; whether a contract permits it is in no number: ask the account holder"
    return fits_unless(unknown=True, fits=fits), because


hypothesis = BenignHypothesis(
    name="permitted synthetic data of its own",
    needs="a contract that permits it; as a rule one organisation with one card and its own software",
    order=60,
    ask=_ask,
    tellable=False,
    example=Facts(alone=True, accounts=1, organizations=1, cards=1, families={"content": 7.0}, features={}),
)
