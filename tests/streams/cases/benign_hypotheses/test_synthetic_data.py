from __future__ import annotations

from streams.cases.benign_hypotheses.synthetic_data import hypothesis
from streams.cases.hypothesis import Facts


def test_no_number_denies_it_so_it_cannot_be_told() -> None:
    fits, because = hypothesis.ask(Facts(alone=True, accounts=1, organizations=3, cards=3, families={"content": 7.0}, features={}))
    assert fits is None
    assert because.startswith("3 organisations pay with 3 cards, client has 0.0 nats; ")
