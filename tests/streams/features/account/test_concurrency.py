from __future__ import annotations

from math import exp, isnan

import pytest

from models.durations import HOUR
from streams.features.account.concurrency import Concurrency
from streams.testing.feature_trial import START_SECONDS, account


def test_a_request_an_hour_of_a_minute_each_is_24_minutes_a_day() -> None:
    assert exp(account(Concurrency, time=[START_SECONDS + HOUR * i for i in range(48)], duration=60)) == pytest.approx(24 * 60, rel=0.05)


def test_without_durations_it_does_not_know() -> None:
    assert isnan(account(Concurrency, time=[START_SECONDS, START_SECONDS + 1]))
