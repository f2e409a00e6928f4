"""Benign hypothesis `red_team`: a few researchers probe the model in one programme."""

from __future__ import annotations

from typing import Final

from models.evidence.weighing import MIN_EVIDENCE_NATS
from streams.cases.hypothesis import Answer, BenignHypothesis, Facts

MAX_TEAM_ACCOUNTS: Final = 5


def _ask(facts: Facts) -> Answer:
    fits = facts.organizations == 1 and facts.accounts <= MAX_TEAM_ACCOUNTS and facts.nats("volume") < MIN_EVIDENCE_NATS
    return fits, f"{facts.present()}, {facts.paying()}, {facts.nats_clause('volume')}"


hypothesis = BenignHypothesis(
    name="red team or safety research",
    needs="a few light accounts of one organisation",
    order=90,
    ask=_ask,
    example=Facts(alone=False, accounts=3, organizations=1, cards=1, families={"content": 5.0, "volume": 0.5}, features={}),
)
