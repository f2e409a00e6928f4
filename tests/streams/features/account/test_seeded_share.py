from __future__ import annotations

from math import isnan

from streams.features.account.seeded_share import SeededShare
from streams.testing.feature_trial import account


def test_one_of_four_sets_a_seed() -> None:
    assert account(SeededShare, seeded=[1, 0, 0, 0]) == 0.25


def test_a_log_without_request_parameters_says_nothing() -> None:
    assert isnan(account(SeededShare, temperature=1))
