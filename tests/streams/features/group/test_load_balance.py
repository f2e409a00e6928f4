from __future__ import annotations

from streams.features.group.load_balance import LoadBalance
from streams.testing.feature_trial import group


def test_before_anything_is_known_members_count_as_independent() -> None:
    assert group(LoadBalance, total=[1, 2, 3]) == 1


def test_the_index_is_the_groups_own() -> None:
    assert group(LoadBalance, balance=0.4, total=[1, 2, 3]) == 0.4
