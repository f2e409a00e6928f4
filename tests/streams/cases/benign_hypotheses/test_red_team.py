from __future__ import annotations

from streams.cases.benign_hypotheses.red_team import hypothesis
from streams.cases.hypothesis import Facts


def test_six_accounts_are_more_than_a_team() -> None:
    facts = Facts(alone=False, accounts=6, organizations=1, cards=1, families={}, features={})
    assert hypothesis.ask(facts) == (
        False,
        "there are 6 accounts, one organisation pays, volume has 0.0 nats on average",
    )
