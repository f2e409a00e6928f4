from __future__ import annotations

from math import exp, isnan

import pytest

from streams.features.account.system_prompts import SystemPrompts
from streams.testing.feature_trial import account


def test_three_prompts_however_often() -> None:
    assert exp(account(SystemPrompts, system_template=[1, 2, 3, 3, 2, 1])) == pytest.approx(1 + 3, abs=0.2)


def test_logs_without_prompts_say_nothing() -> None:
    assert isnan(account(SystemPrompts, system_template=0))
