from __future__ import annotations

from math import exp, isnan

import pytest

from streams.features.account.routers_used import RoutersUsed
from streams.testing.feature_trial import account


def test_three_stacks_however_often() -> None:
    assert exp(account(RoutersUsed, router=[1, 2, 3, 3, 2, 1])) == pytest.approx(1 + 3, abs=0.2)


def test_logs_without_stacks_say_nothing() -> None:
    assert isnan(account(RoutersUsed, router=0))
