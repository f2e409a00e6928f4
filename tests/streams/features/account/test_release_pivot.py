from __future__ import annotations

from math import isnan

from streams.features.account.release_pivot import ReleasePivot
from streams.testing.feature_trial import account


def test_half_of_the_requests_go_to_the_new_model() -> None:
    assert account(ReleasePivot, new_model=[0, 1, 0, 1]) == 0.5


def test_without_knowing_the_model_nothing_is_said() -> None:
    assert isnan(account(ReleasePivot, output_tokens=[1, 2]))
