"""Which times of a file are plausible."""

from __future__ import annotations

from streams.intake.clock import FileClock, is_plausible

DAY = 86_400.0
START = 1_700_000_000.0


def plausible(*days: float) -> list[bool]:
    return FileClock(DAY).plausible([START + day * DAY for day in days])


def test_a_file_in_order_is_only_plausible() -> None:
    assert all(plausible(0, 0.1, 0.2, 0.9, 0.5))


def test_a_quiet_week_is_only_plausible() -> None:
    assert all(plausible(0, 0.1, 7, 7.1, 7.2))


def test_one_wrong_clock_is_refused_alone() -> None:
    assert plausible(0, 0.1, 900, 0.2, 0.3) == [True, True, False, True, True]


def test_a_wrong_clock_in_the_first_line_is_refused_alone() -> None:
    assert plausible(900, 0, 0.1, 0.2) == [False, True, True, True]


def test_a_line_every_other_day_is_only_plausible() -> None:
    assert all(plausible(0, 2, 4, 6, 8, 10))


def test_what_goes_back_more_than_a_day_is_refused() -> None:
    assert plausible(0, 3, 3.1, 1, 3.2) == [True, True, True, False, True]


def test_the_clock_goes_on_from_one_part_of_the_file_to_the_next() -> None:
    clock = FileClock(DAY)
    assert clock.plausible([START]) == [True]
    assert clock.plausible([START - 2 * DAY, START + 1]) == [False, True]


def test_another_century_is_never_only_plausible() -> None:
    assert FileClock(DAY).plausible([0.0]) == [False]
    assert FileClock(DAY).plausible([7_258_118_400.0] * 20) == [False] * 20
    assert not is_plausible(0.0, 0.0, DAY, DAY)


def test_a_live_line_is_compared_with_its_arrival() -> None:
    assert is_plausible(START + DAY, START, DAY, DAY)
    assert not is_plausible(START + DAY + 1, START, DAY, DAY)
    assert is_plausible(START - 300 * DAY, START, DAY, 400 * DAY)
