from __future__ import annotations

from streams.cases.benign_hypotheses.enterprise_gateway import hypothesis
from streams.cases.hypothesis import Facts


def test_of_a_group_whose_members_nobody_listed_several_pay() -> None:
    unknown = Facts(alone=False, accounts=12, organizations=0, cards=0, families={}, features={})
    assert hypothesis.ask(unknown) == (
        False,
        "there are 12 accounts, an unknown number of organisations pay with an unknown number of cards",
    )
