from __future__ import annotations

from math import exp, isnan

import pytest

from streams.features.account.end_users import EndUsers
from streams.testing.feature_trial import account


def test_three_people_however_often() -> None:
    assert exp(account(EndUsers, end_user=[1, 2, 3, 3, 2, 1])) == pytest.approx(1 + 3, abs=0.2)


def test_logs_without_people_say_nothing() -> None:
    assert isnan(account(EndUsers, end_user=0))
