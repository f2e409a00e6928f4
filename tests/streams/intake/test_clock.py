"""Which times of a file are believed."""

from __future__ import annotations

import math

import pytest

from streams.intake.clock import AHEAD, SKEW, FileClock, event_time

DAY = 86_400.0
START = 1_700_000_000.0


MINUTES = 300.0


def times(*days: float) -> list[float | str]:
    """Return when lines of these days count, in days, or why not."""
    found = FileClock(MINUTES, DAY).event_times([START + day * DAY for day in days])
    return [time if isinstance(time, str) else round((time - START) / DAY, 4) for time in found]


def believed(*days: float) -> list[bool]:
    return [time == round(day, 4) for time, day in zip(times(*days), days, strict=True)]


def test_a_file_in_order_is_believed() -> None:
    assert all(believed(0, 0.1, 0.2, 0.9))


def test_a_line_that_comes_half_a_day_late_is_believed() -> None:
    assert all(believed(0, 0.9, 0.9, 0.9, 0.4, 0.9))


def test_a_quiet_week_is_believed() -> None:
    assert all(believed(0, 0.1, 7, 7.1, 7.2))


def test_one_wrong_clock_is_refused_alone() -> None:
    assert believed(0, 0.1, 900, 0.2, 0.3) == [True, True, False, True, True]


def test_a_wrong_clock_in_the_first_line_is_refused_alone() -> None:
    assert believed(900, 0, 0.1, 0.2) == [False, True, True, True]


def test_a_line_every_other_day_is_believed() -> None:
    assert all(believed(0, 2, 4, 6, 8, 10))


def test_what_goes_back_more_than_a_day_is_refused() -> None:
    assert believed(0, 3, 3.1, 1, 3.2) == [True, True, True, False, True]


def test_a_line_that_is_hours_ahead_counts_where_the_file_is_and_moves_nothing() -> None:
    hour = 1 / 24
    assert times(0.1, 0.1, 20 * hour, 0.2, 0.2, 0.2) == [0.1, 0.1, 0.1, 0.2, 0.2, 0.2]
    assert times(20 * hour, 0, 0, 0) == [0, 0, 0, 0]


def test_what_is_days_wrong_is_refused_for_its_reason() -> None:
    assert times(0, 900, 0, 0) == [0, AHEAD, 0, 0]
    assert times(0, 3, 3, 1, 3) == [0, 3, 3, SKEW, 3]


def test_lines_that_are_out_of_order_within_an_hour_are_believed() -> None:
    minute = 1 / 1440
    assert all(believed(0, 59 * minute, 5 * minute, 40 * minute, 1 * minute, 119 * minute, 60 * minute, 61 * minute, 62 * minute))


def test_the_clock_goes_on_from_one_part_of_the_file_to_the_next() -> None:
    clock = FileClock(MINUTES, DAY)
    assert clock.event_times([START]) == [START]
    assert clock.event_times([START - 2 * DAY, START + 1]) == [SKEW, START + 1]


def test_another_century_is_never_believed() -> None:
    assert FileClock(MINUTES, DAY).event_times([0.0]) == [SKEW]
    assert FileClock(MINUTES, DAY).event_times([7_258_118_400.0] * 20) == [SKEW] * 20
    assert event_time(0.0, 0.0, DAY, DAY) == SKEW


@pytest.mark.parametrize(
    ("seconds", "counts"),
    [(MINUTES, MINUTES), (MINUTES + 1, 0), (DAY, 0), (DAY + 1, AHEAD), (-DAY, -DAY), (-DAY - 1, SKEW)],
)
def test_a_live_line_is_compared_with_its_arrival(seconds: float, counts: float | str) -> None:
    found = event_time(START + seconds, START, MINUTES, DAY)
    assert found == (counts if isinstance(counts, str) else START + counts)


def test_a_backlog_may_be_of_last_year_and_the_future_is_still_refused() -> None:
    assert event_time(START - 300 * DAY, START, MINUTES, math.inf) == START - 300 * DAY
    assert event_time(START + 2 * DAY, START, MINUTES, math.inf) == AHEAD
