"""Feedback takes effect at a time that depends on what it is about alone."""

from __future__ import annotations

import math

from streams.stages.accounts.delayed_feedback import MAX_WAITING_STEPS, STEP_SECONDS, DelayedFeedback


def test_what_is_about_the_same_ten_minutes_takes_effect_together_forty_minutes_after_their_end() -> None:
    waiting = DelayedFeedback[str, str]()
    waiting.add("ada", 0.0, "first")
    waiting.add("bob", 599.0, "second")
    waiting.add("eve", 600.0, "third")
    assert waiting.due(2_999.0) == {}
    assert waiting.due(3_000.0) == {"ada": "first", "bob": "second"}
    assert waiting.due(3_600.0) == {"eve": "third"}


def test_of_several_about_the_same_the_newest_counts_in_whatever_order_they_come() -> None:
    in_order, reversed_ = DelayedFeedback[str, float](), DelayedFeedback[str, float]()
    times = [10.0, 500.0, 700.0, 1_300.0]
    for waiting, order in ((in_order, times), (reversed_, times[::-1])):
        for time in order:
            waiting.add("ada", time, time)
        assert waiting.due(3_000.0) == {"ada": 500.0}
        assert waiting.due(math.inf) == {"ada": 1_300.0}


def test_an_unknown_time_is_ignored_and_a_clock_that_stands_still_costs_no_memory() -> None:
    waiting = DelayedFeedback[str, int]()
    for unknown in (math.nan, math.inf):
        waiting.add("ada", unknown, 0)
    for step in range(MAX_WAITING_STEPS + 5):
        waiting.add(f"account {step}", step * STEP_SECONDS, step)
    found = waiting.due(math.inf)
    assert len(found) == MAX_WAITING_STEPS
    assert min(found.values()) == 5, "the earliest went first"
    assert waiting.due(math.inf) == {}
