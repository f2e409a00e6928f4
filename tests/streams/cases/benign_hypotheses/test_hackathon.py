from __future__ import annotations

from streams.cases.benign_hypotheses.hackathon import hypothesis
from streams.cases.hypothesis import Facts


def test_a_sponsor_pays_with_one_card_and_a_pool_with_several() -> None:
    fits, because = hypothesis.ask(
        Facts(alone=False, accounts=200, organizations=200, cards=11, families={"cohort": 6.0}, features={"shared_cards": 7.0})
    )
    assert fits is False
    assert because.endswith("; cards that several organisations share: 7")
