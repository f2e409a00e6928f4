from __future__ import annotations

import pytest

from streams.features.account.purposeful_share import PurposefulShare
from streams.testing.feature_trial import account


def share(**columns: object) -> float:
    return account(PurposefulShare, **columns)


def test_long_answers_to_single_questions_count_and_short_ones_do_not() -> None:
    assert share(message_count=1, input_tokens=100, output_tokens=[900, 50]) == 0.5


def test_answers_of_middling_length_count_in_part() -> None:
    assert 0.5 < share(message_count=1, input_tokens=100, output_tokens=200) < 0.6


def test_a_history_that_was_never_served_hides_nothing() -> None:
    assert share(message_count=[7, 7], input_tokens=900, output_tokens=900) == 1.0


def test_a_history_that_was_served_is_a_conversation() -> None:
    assert share(time=[0, 60], conversation=5, message_count=[1, 3], input_tokens=[10, 900], output_tokens=900) == pytest.approx(
        0.5, abs=1e-3
    )


def test_continue_turns_add_up_to_one_long_answer() -> None:
    counted = share(time=[0, 5, 10], message_count=[1, 3, 5], input_tokens=[10, 180, 350], output_tokens=[160, 160, 160])
    assert counted == pytest.approx(1 / 3, abs=1e-3)  # the three pieces are one answer of 480 tokens


@pytest.mark.parametrize("asked", [{"top_logprobs": 5}, {"choice_count": 4}])
def test_token_probabilities_and_several_answers_are_harvested_however_short(asked: dict[str, float]) -> None:
    assert share(message_count=1, input_tokens=60, output_tokens=1, **asked) == 1.0


def test_calls_in_a_fixed_schema_are_short_and_those_of_a_running_agent_do_not_count() -> None:
    assert share(message_count=1, tool_count=3, input_tokens=400, output_tokens=110) == 1.0
    loop = share(time=[0, 9], conversation=5, message_count=[1, 3], tool_count=3, input_tokens=[400, 700], output_tokens=[30, 110])
    assert loop == 0.0


def test_a_grade_needs_something_to_grade() -> None:
    assert share(message_count=1, input_tokens=[500, 100], output_tokens=4) == 0.5
