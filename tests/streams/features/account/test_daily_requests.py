from __future__ import annotations

from math import exp, log

import pytest

from models.durations import HOUR
from streams.features.account.daily_requests import DailyRequests
from streams.testing.feature_trial import START_SECONDS, account


def test_a_request_an_hour_is_24_a_day() -> None:
    assert exp(account(DailyRequests, time=[START_SECONDS + HOUR * i for i in range(72)])) == pytest.approx(1 + 24, rel=0.05)


def test_a_first_hour_is_not_called_a_slow_day() -> None:
    assert account(DailyRequests, time=[START_SECONDS + 600 * i for i in range(7)]) > log(1 + 100)
