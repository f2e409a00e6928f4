from __future__ import annotations

from math import isnan

import pytest

from streams.features.account.gap_regularity import GapRegularity
from streams.testing.feature_trial import START_SECONDS, account


def test_one_request_a_minute_does_not_vary() -> None:
    assert account(GapRegularity, time=[START_SECONDS + 60 * i for i in range(20)]) == pytest.approx(0, abs=0.01)


def test_seconds_then_hours_vary() -> None:
    assert (
        account(
            GapRegularity,
            time=[START_SECONDS, START_SECONDS + 2, START_SECONDS + 4, START_SECONDS + 7200, START_SECONDS + 7202, START_SECONDS + 14400],
        )
        > 3
    )


def test_one_gap_is_no_rhythm() -> None:
    assert isnan(account(GapRegularity, time=[START_SECONDS, START_SECONDS + 60]))
