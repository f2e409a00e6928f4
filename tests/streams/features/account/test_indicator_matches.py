from __future__ import annotations

from math import isnan

from streams.features.account.indicator_matches import IndicatorMatches
from streams.testing.feature_trial import account


def test_two_of_four_requests_match() -> None:
    assert account(IndicatorMatches, indicator=["ind-000000000001", "none", "ind-000000000002", "none"]) == 0.5


def test_requests_that_were_not_compared_are_left_out() -> None:
    assert account(IndicatorMatches, indicator=["none", None, None, None]) == 0
    assert isnan(account(IndicatorMatches, indicator=[None, None]))
