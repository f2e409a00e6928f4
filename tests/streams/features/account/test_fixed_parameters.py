from __future__ import annotations

from math import isnan

from streams.features.account.fixed_parameters import FixedParameters
from streams.testing.feature_trial import account


def test_three_of_four_requests_have_one_set() -> None:
    assert account(FixedParameters, temperature=[0.7, 0.7, 0.7, 1.0], max_tokens=1024) == 0.75


def test_a_log_without_request_parameters_says_nothing() -> None:
    assert isnan(account(FixedParameters, input_tokens=5))
