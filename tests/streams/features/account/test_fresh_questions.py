from __future__ import annotations

from streams.features.account.fresh_questions import FreshQuestions
from streams.testing.feature_trial import account


def test_a_question_with_a_past_is_not_fresh() -> None:
    assert account(FreshQuestions, message_count=[1, 2, 3, 5], cached_tokens=0) == 0.5


def test_a_past_that_was_never_served_here_leaves_it_fresh() -> None:
    assert account(FreshQuestions, message_count=[7, 7], cached_tokens=0) == 1.0


def test_a_cached_prefix_is_a_past() -> None:
    assert account(FreshQuestions, message_count=1, cached_tokens=[0, 800]) == 0.5


def test_a_provider_without_a_cache_reports_none() -> None:
    assert account(FreshQuestions, message_count=1) == 1
