from __future__ import annotations

from math import nan

from streams.features.account.asks_reasoning import AsksReasoning
from streams.testing.feature_trial import account


def test_half_of_the_prompts() -> None:
    assert account(AsksReasoning, asks_reasoning=[1, 0, 1, 0]) == 0.5


def test_prompts_without_a_sketch_are_left_out() -> None:
    assert account(AsksReasoning, asks_reasoning=[1, nan, nan]) == 1
