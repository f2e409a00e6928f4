from __future__ import annotations

import pytest

from streams.features.account.long_steps import LongSteps
from streams.testing.feature_trial import account


def test_steps_that_are_written_out_count_among_all_requests() -> None:
    assert account(LongSteps, tool_count=[6, 6, 6, 6], output_tokens=[420, 380, 500, 90]) == pytest.approx(0.75)


def test_long_answers_without_tools_are_no_steps() -> None:
    assert account(LongSteps, tool_count=[0, 0], output_tokens=[900, 900]) == 0
