from __future__ import annotations

from streams.cases.benign_hypotheses.evaluation_harness import hypothesis
from streams.cases.hypothesis import Facts


def test_without_a_public_corpus_it_cannot_be_told() -> None:
    fits, because = hypothesis.ask(Facts(alone=True, accounts=1, organizations=1, cards=1, families={"content": 7.0}, features={}))
    assert fits is None
    assert because == "one organisation pays; no prompt was compared with a public corpus; content has 7.0 nats"


def test_prompts_of_no_public_corpus_are_not_a_harness() -> None:
    fits, because = hypothesis.ask(
        Facts(alone=True, accounts=1, organizations=1, cards=1, families={"content": 7.0}, features={"known_corpus": 0.1})
    )
    assert fits is False
    assert "; 10% of its prompts are of a public corpus; " in because
