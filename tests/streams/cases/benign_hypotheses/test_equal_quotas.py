from __future__ import annotations

import math

import pytest

from streams.cases.benign_hypotheses.equal_quotas import MIN_EQUALITY_SHARE, hypothesis
from streams.cases.hypothesis import Facts

CLERKS = {"content": 7.0, "evenness": 7.0, "payment": 6.0}


def asked(equality: float = 0.95, **families: float) -> bool | None:
    features = {} if math.isnan(equality) else {"quota_equality": equality}
    return hypothesis.ask(Facts(alone=False, accounts=24, organizations=24, cards=2, families=CLERKS | families, features=features))[0]


def test_clerks_with_one_quota_fit_however_even_their_load_is() -> None:
    assert asked() is True


def test_a_load_that_is_even_without_being_equal_does_not_fit() -> None:
    assert asked(MIN_EQUALITY_SHARE) is True
    assert asked(MIN_EQUALITY_SHARE - 0.01) is False


@pytest.mark.parametrize("sign", ["timing", "network", "volume"])
def test_two_nats_of_how_accounts_are_run_or_of_heavy_use_refute_it(sign: str) -> None:
    assert asked(**{sign: 1.9}) is True
    assert asked(**{sign: 2.0}) is False


def test_where_nothing_says_how_equal_requests_are_it_cannot_be_told_unless_a_machine_shows() -> None:
    assert asked(math.nan) is None
    assert asked(math.nan, timing=3.0) is False


def test_one_account_has_no_colleagues() -> None:
    fits, _ = hypothesis.ask(Facts(alone=True, accounts=1, organizations=1, cards=1, families=CLERKS, features={"quota_equality": 1.0}))
    assert fits is False
