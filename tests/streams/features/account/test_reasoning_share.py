from __future__ import annotations

from math import nan

from streams.features.account.reasoning_share import ReasoningShare
from streams.testing.feature_trial import account


def test_three_of_four_tokens_are_thinking() -> None:
    assert account(ReasoningShare, reasoning_tokens=[300, 0], output_tokens=[300, 100]) == 0.75


def test_answers_without_a_count_of_thinking_are_left_out() -> None:
    assert account(ReasoningShare, reasoning_tokens=[50, nan], output_tokens=[100, 1e6]) == 0.5
