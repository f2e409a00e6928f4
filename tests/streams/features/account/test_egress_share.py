from __future__ import annotations

from math import isnan, log

import pytest

from streams.features.account.egress_share import EgressShare
from streams.testing.feature_trial import account


def test_two_tokens_out_for_each_fresh_token_in() -> None:
    assert account(EgressShare, input_tokens=[100, 50], output_tokens=[100, 200]) == pytest.approx(log(1 + 2))


def test_tokens_read_from_the_cache_are_not_questions() -> None:
    assert account(EgressShare, input_tokens=100, cached_tokens=90, output_tokens=30) == pytest.approx(log(1 + 3))


def test_without_token_counts_it_does_not_know() -> None:
    assert isnan(account(EgressShare, input_tokens=100))
