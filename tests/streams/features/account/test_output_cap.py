from __future__ import annotations

from streams.features.account.output_cap import OutputCap
from streams.testing.feature_trial import account


def test_every_vendor_has_a_word_for_it() -> None:
    assert account(OutputCap, finish_reason=["length", "max_tokens", "stop", "tool_calls"]) == 0.5


def test_unknown_reasons_are_left_out() -> None:
    assert account(OutputCap, finish_reason=["length", None]) == 1
