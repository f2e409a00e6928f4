"""Benign hypothesis `coding_agent`: a developer's agent sends many requests in long sessions."""

from __future__ import annotations

import math

from streams.cases.hypothesis import MAJORITY_SHARE, PLAIN_CONTENT_NATS, Answer, BenignHypothesis, Facts, fits_unless


def _ask(facts: Facts) -> Answer:
    single, turns = facts.share("{} of the requests are single questions", "turns are not logged", "single_question", "fresh_questions")
    planned = facts.nats("content") >= PLAIN_CONTENT_NATS
    fits = single < MAJORITY_SHARE and not planned
    return fits_unless(unknown=math.isnan(single) and not planned, fits=fits), f"{turns}; {facts.nats_clause('content')}"


hypothesis = BenignHypothesis(
    name="coding agent",
    needs="conversations with a past rather than single questions, and little evidence of content",
    order=30,
    ask=_ask,
    example=Facts(alone=True, accounts=1, organizations=1, cards=1, families={"content": 1.0}, features={"fresh_questions": 0.1}),
)
