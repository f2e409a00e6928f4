from __future__ import annotations

import pytest

from models.durations import HOUR
from streams.features.account.round_the_clock import RoundTheClock
from streams.testing.feature_trial import START_SECONDS, account


def test_a_request_every_hour_of_the_day() -> None:
    assert account(RoundTheClock, time=[START_SECONDS + HOUR * i for i in range(24)]) > 0.99


def test_always_the_same_hour() -> None:
    assert account(RoundTheClock, time=[START_SECONDS, START_SECONDS + 60, START_SECONDS + 120]) == 0


def test_which_hour_does_not_matter() -> None:
    assert account(RoundTheClock, time=[START_SECONDS + 3 * HOUR, START_SECONDS + 5 * HOUR]) == pytest.approx(
        account(RoundTheClock, time=[START_SECONDS + 20 * HOUR, START_SECONDS + 22 * HOUR])
    )
