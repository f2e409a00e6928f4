from __future__ import annotations

from math import log, nan

import pytest

from streams.features.account.long_answers import LongAnswers
from streams.testing.feature_trial import account


def test_one_long_answer_does_not_hide_three_short_ones() -> None:
    assert account(LongAnswers, output_tokens=[9, 9, 9, 999]) == pytest.approx((3 * log(10) + log(1000)) / 4)


def test_unknown_lengths_are_left_out() -> None:
    assert account(LongAnswers, output_tokens=[9, nan]) == pytest.approx(log(10))
