from __future__ import annotations

import math

import pytest

from streams.cases.benign_hypotheses.equal_quotas import MIN_EQUALITY_SHARE
from streams.cases.benign_hypotheses.timers import STRANGERS_LACK, hypothesis
from streams.cases.hypothesis import Facts

TIMED = {"content": 7.0, "evenness": 7.0, "timing": 6.0}


def asked(equality: float = 0.96, **families: float) -> bool | None:
    features = {} if math.isnan(equality) else {"quota_equality": equality}
    return hypothesis.ask(Facts(alone=False, accounts=50, organizations=50, cards=50, families=TIMED | families, features=features))[0]


def test_strangers_on_timers_fit_however_regular_they_are() -> None:
    assert asked() is True


def test_unequal_work_is_no_timers() -> None:
    assert asked(MIN_EQUALITY_SHARE - 0.01) is False


@pytest.mark.parametrize("sign", [*STRANGERS_LACK, "volume"])
def test_accounts_that_belong_together_or_are_used_heavily_are_no_strangers_timers(sign: str) -> None:
    assert asked(**{sign: 1.9}) is True
    assert asked(**{sign: 2.0}) is False


def test_where_nothing_says_how_equal_requests_are_it_cannot_be_told_unless_they_belong_together() -> None:
    assert asked(math.nan) is None
    assert asked(math.nan, payment=3.0) is False


def test_one_timer_is_no_crowd() -> None:
    fits, _ = hypothesis.ask(Facts(alone=True, accounts=1, organizations=1, cards=1, families=TIMED, features={"quota_equality": 1.0}))
    assert fits is False
