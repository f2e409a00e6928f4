from __future__ import annotations

from math import isnan

from streams.features.account.tiny_answers import TinyAnswers
from streams.testing.feature_trial import account


def test_sixteen_tokens_are_tiny_and_seventeen_are_not() -> None:
    assert account(TinyAnswers, templated=1, input_tokens=900, output_tokens=[1, 16, 17, 400]) == 0.5


def test_a_tiny_answer_to_ones_own_question_is_chat() -> None:
    assert account(TinyAnswers, templated=0, input_tokens=900, output_tokens=[1, 2]) == 0


def test_a_label_for_a_short_text_is_no_grade() -> None:
    assert account(TinyAnswers, templated=1, input_tokens=150, output_tokens=[1, 2]) == 0


def test_without_a_sketch_it_does_not_know() -> None:
    assert isnan(account(TinyAnswers, output_tokens=3))
