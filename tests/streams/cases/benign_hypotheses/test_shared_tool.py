from __future__ import annotations

import pytest

from streams.cases.benign_hypotheses.shared_tool import hypothesis
from streams.cases.hypothesis import Facts

SHARED = {"content": 7.0, "client": 2.1, "network": 3.1}


def asked(**families: float) -> bool | None:
    return hypothesis.ask(Facts(alone=False, accounts=30, organizations=30, cards=30, families=SHARED | families, features={}))[0]


def test_a_bureau_whose_people_pay_apart_and_ask_with_one_tool_fits() -> None:
    assert asked(evenness=0.3, cohort=-0.3) is True


@pytest.mark.parametrize("sign", ["cohort", "payment", "link", "evenness", "timing"])
def test_whatever_shows_one_operator_refutes_it(sign: str) -> None:
    assert asked(**{sign: 2.0}) is False


def test_small_signs_that_accounts_belong_together_add_up() -> None:
    assert asked(cohort=0.8, payment=0.7, link=0.6) is False


def test_one_account_shares_its_tool_with_no_one() -> None:
    fits, _ = hypothesis.ask(Facts(alone=True, accounts=1, organizations=1, cards=1, families=SHARED, features={}))
    assert fits is False
