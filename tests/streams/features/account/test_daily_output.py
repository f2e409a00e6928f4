from __future__ import annotations

from math import exp, isnan

import pytest

from models.durations import HOUR
from streams.features.account.daily_output import DailyOutput
from streams.testing.feature_trial import START_SECONDS, account


def test_a_thousand_tokens_an_hour_are_24_thousand_a_day() -> None:
    assert exp(account(DailyOutput, time=[START_SECONDS + HOUR * i for i in range(72)], output_tokens=1000)) == pytest.approx(
        24_000, rel=0.05
    )


def test_without_token_counts_it_does_not_know() -> None:
    assert isnan(account(DailyOutput, time=START_SECONDS))
