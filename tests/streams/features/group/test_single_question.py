from __future__ import annotations

from math import nan

from streams.features.group.single_question import SingleQuestion
from streams.testing.feature_trial import group


def test_who_asks_more_counts_more() -> None:
    assert group(SingleQuestion, requests=[30, 10], single_turn=[1, 0]) == 0.75


def test_unknown_members_are_left_out() -> None:
    assert group(SingleQuestion, requests=[1, 99], single_turn=[1, nan]) == 1
