from __future__ import annotations

from streams.features.group.stack_spread import StackSpread
from streams.testing.feature_trial import group


def test_two_stacks_for_four_members() -> None:
    assert group(StackSpread, router=[1, 1, 2, 2]) == 0.5


def test_unknown_stacks_are_left_out() -> None:
    assert group(StackSpread, router=[1, 2, 0]) == 1
