from __future__ import annotations

from math import isnan, log

import pytest

from streams.features.account.stack_mismatch import StackMismatch
from streams.testing.feature_trial import account


def test_half_of_the_requests_as_one_in_a_hundred_sends_them_are_half_of_ln_100() -> None:
    assert account(StackMismatch, claim_misfit=[0.0, log(100)], claim_known=1) == pytest.approx(log(100) / 2, abs=1e-5)


def test_requests_of_which_nothing_is_known_count_neither_way() -> None:
    assert account(StackMismatch, claim_misfit=[2.0, float("nan")], claim_known=[0.5, float("nan")]) == 2.0
    assert isnan(account(StackMismatch, user_agent="codewright/2.4.0"))


def test_a_request_counts_as_far_as_it_was_known_then_what_is_usual() -> None:
    assert account(StackMismatch, claim_misfit=[4.0, 1.0], claim_known=[0.25, 0.5]) == 2.0
