"""Benign hypothesis `enterprise_gateway`: a company sends the requests of its own people through one gateway."""

from __future__ import annotations

from streams.cases.hypothesis import Answer, BenignHypothesis, Facts


def _ask(facts: Facts) -> Answer:
    fits = facts.organizations == 1 and facts.cards == 1 and not facts.alone
    return fits, f"{facts.present()}, {facts.payers()}"


hypothesis = BenignHypothesis(
    name="enterprise gateway",
    needs="several accounts of one organisation with one card",
    order=80,
    ask=_ask,
    tellable=False,
    example=Facts(alone=False, accounts=40, organizations=1, cards=1, families={}, features={}),
)
