from __future__ import annotations

from math import isnan, log

import pytest

from models.durations import DAY
from streams.features.account.account_age import AccountAge
from streams.testing.feature_trial import START_SECONDS, account


def test_made_nine_days_ago() -> None:
    assert account(AccountAge, time=START_SECONDS, account_created=START_SECONDS - 9 * DAY) == pytest.approx(log(10))


def test_without_a_date_it_does_not_know() -> None:
    assert isnan(account(AccountAge, time=START_SECONDS))
