from __future__ import annotations

from math import exp, isnan, nan

import pytest

from streams.features.account.as_spread import AsSpread
from streams.testing.feature_trial import account


def test_three_networks_however_often() -> None:
    assert exp(account(AsSpread, as_number=[1, 2, 3, 3, 2, 1])) == pytest.approx(1 + 3, abs=0.2)


def test_logs_without_networks_say_nothing() -> None:
    assert isnan(account(AsSpread, as_number=nan))
