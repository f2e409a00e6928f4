"""Benign hypothesis `evaluation_harness`: an organisation measures the model with a public benchmark."""

from __future__ import annotations

import math

from streams.cases.hypothesis import MAJORITY_SHARE, PLAIN_CONTENT_NATS, Answer, BenignHypothesis, Facts, fits_unless


def _ask(facts: Facts) -> Answer:
    known, corpus = facts.share("{} of its prompts are of a public corpus", "no prompt was compared with a public corpus", "known_corpus")
    one_payer = facts.organizations == 1
    fits = one_payer and (known > MAJORITY_SHARE or facts.nats("content") < PLAIN_CONTENT_NATS)
    return (
        fits_unless(unknown=one_payer and math.isnan(known), fits=fits),
        f"{facts.paying()}; {corpus}; {facts.nats_clause('content')}",
    )


hypothesis = BenignHypothesis(
    name="evaluation harness",
    needs="one organisation, and prompts of a public corpus or little evidence of content",
    order=10,
    ask=_ask,
    tellable=False,
    example=Facts(alone=True, accounts=1, organizations=1, cards=1, families={"content": 6.0}, features={"known_corpus": 0.9}),
)
