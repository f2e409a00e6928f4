from __future__ import annotations

from math import isnan, nan

from streams.features.account.logprob_use import LogprobUse
from streams.testing.feature_trial import account


def test_probabilities_or_several_answers() -> None:
    assert account(LogprobUse, seeded=0, top_logprobs=[5, 0, nan, 0], choice_count=[1, 4, 1, nan]) == 0.5


def test_a_log_without_request_parameters_says_nothing() -> None:
    assert isnan(account(LogprobUse, choice_count=4))
