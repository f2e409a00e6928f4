from __future__ import annotations

from math import isnan, nan

from streams.features.account.rate_limited import RateLimited
from streams.testing.feature_trial import account


def test_only_429_is_a_limit() -> None:
    assert account(RateLimited, status=[200, 429, 500, 430]) == 0.25


def test_without_a_status_it_does_not_know() -> None:
    assert isnan(account(RateLimited, status=nan))
