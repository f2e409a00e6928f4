from __future__ import annotations

from streams.cases.benign_hypotheses.reseller_customers import hypothesis
from streams.cases.hypothesis import Facts


def test_who_asks_as_an_extraction_does_is_not_a_customer() -> None:
    facts = Facts(alone=True, accounts=1, organizations=1, cards=1, families={"content": 2.0}, features={}, routing=8.0)
    assert hypothesis.ask(facts) == (False, "content has 2.0 nats; routing has 8.0")
