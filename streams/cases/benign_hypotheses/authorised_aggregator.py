"""Benign hypothesis `authorised_aggregator`: a partner resells access with permission, or names the end users that it serves."""

from __future__ import annotations

import math

from models.evidence.weighing import MIN_EVIDENCE_NATS
from streams.cases.hypothesis import Answer, BenignHypothesis, Facts


def _ask(facts: Facts) -> Answer:
    users = facts.feature("end_users")
    named = "no end users are named" if math.isnan(users) else f"{math.expm1(users):.0f} end users a day are named"
    fits = bool(facts.permitted) or (
        facts.alone and facts.routing >= MIN_EVIDENCE_NATS and users > 1 and facts.nats("content") < MIN_EVIDENCE_NATS
    )
    return fits, facts.permitted or f"no permission is on file; {named}; {facts.nats_clause('content')}"


hypothesis = BenignHypothesis(
    name="authorised aggregator",
    needs="a permission on file, or one routed account that names its end users",
    order=70,
    ask=_ask,
    example=Facts(
        alone=True, accounts=1, organizations=1, cards=1, families={}, features={}, permitted="permitted by partnerships: contract 17"
    ),
)
