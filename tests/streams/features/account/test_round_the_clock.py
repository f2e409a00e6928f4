from __future__ import annotations

import pytest

from streams.core.durations import HOUR
from streams.features.account.round_the_clock import RoundTheClock
from streams.testing.feature_trial import START, account


def test_a_request_every_hour_of_the_day() -> None:
    assert account(RoundTheClock, time=[START + HOUR * i for i in range(24)]) > 0.99


def test_always_the_same_hour() -> None:
    assert account(RoundTheClock, time=[START, START + 60, START + 120]) == 0


def test_which_hour_does_not_matter() -> None:
    assert account(RoundTheClock, time=[START + 3 * HOUR, START + 5 * HOUR]) == pytest.approx(
        account(RoundTheClock, time=[START + 20 * HOUR, START + 22 * HOUR])
    )
