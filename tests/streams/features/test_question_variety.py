from __future__ import annotations

import pytest

from streams.features.question_variety import QuestionVariety
from streams.trial import account


def test_four_questions_under_one_opening() -> None:
    assert account(QuestionVariety, simhash=[1, 2, 3, 4], template=7) == pytest.approx(1 - 1 / 4, abs=0.05)


def test_four_questions_that_all_begin_differently() -> None:
    assert account(QuestionVariety, simhash=[1, 2, 3, 4], template=[1, 2, 3, 4]) == pytest.approx(0, abs=0.05)


def test_one_question_asked_four_times() -> None:
    assert account(QuestionVariety, simhash=5, template=[7, 7, 7, 7]) == pytest.approx(1 / 4 * 3 / 4, abs=0.05)
