from __future__ import annotations

import math

from streams.features.group.load_balance import LoadBalance
from streams.testing.feature_trial import group


def test_it_is_unknown_before_six_hours() -> None:
    assert math.isnan(group(LoadBalance, total=[1, 2, 3]))


def test_the_index_is_the_groups_own() -> None:
    assert group(LoadBalance, balance=0.4, total=[1, 2, 3]) == 0.4
