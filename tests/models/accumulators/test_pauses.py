"""Pauses between an entity's events are the same in whatever order the events come, as far as their times are kept."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.accumulators.grouped_events import GroupedEvents
from models.accumulators.pauses import KEPT_TIMES, Pauses, pauses


class Account:
    """The pauses that were counted of one account, each with the time of the request that ends it."""

    def __init__(self) -> None:
        self.counted: dict[float, float] = {}
        self._ages = np.full((1, KEPT_TIMES), np.nan, np.float32)
        self._clock = np.full(1, -np.inf)

    def take(self, *times: float) -> Pauses:
        grouped = GroupedEvents.of(np.zeros(len(times), np.int64), np.array(times), self._clock)
        now = pauses(grouped, self._ages)
        for time, gap in zip(grouped.times.tolist(), now.gaps.tolist(), strict=True):
            if not np.isnan(gap):
                self.counted[time] = gap
        for time, before, after in zip(now.times.tolist(), now.before.tolist(), now.after.tolist(), strict=True):
            assert np.isnan(before) or self.counted[time] == pytest.approx(before)
            self.counted[time] = after
        self._ages, self._clock = now.ages, grouped.clock
        return now


def test_a_late_request_shortens_the_pause_after_it() -> None:
    account = Account()
    account.take(0.0, 100.0)
    account.take(40.0)
    assert account.counted == {100.0: 60.0, 40.0: 40.0}


def test_a_request_before_the_first_one_gives_that_a_pause() -> None:
    account = Account()
    account.take(100.0)
    account.take(70.0)
    assert account.counted == {100.0: 30.0}


def test_two_late_requests_of_one_block_stand_between_the_same_two() -> None:
    account = Account()
    account.take(0.0, 100.0)
    account.take(30.0, 50.0, 110.0)
    assert account.counted == {30.0: 30.0, 50.0: 20.0, 100.0: 50.0, 110.0: 10.0}


def test_a_request_before_all_that_are_kept_has_no_pause_and_changes_none() -> None:
    account = Account()
    account.take(*(100.0 + second for second in range(KEPT_TIMES + 1)))
    before = dict(account.counted)
    late = account.take(50.0)
    assert np.isnan(late.gaps).all()
    assert account.counted == before


def test_state_from_before_times_were_kept_has_the_newest_one() -> None:
    grouped = GroupedEvents.of(np.zeros(1, np.int64), np.array([40.0]), clock=np.array([100.0]))
    assert pauses(grouped, np.full((1, KEPT_TIMES), np.nan, np.float32)).after.tolist() == [60.0]


@given(st.lists(st.integers(0, 3_000), min_size=2, max_size=KEPT_TIMES, unique=True))
def test_any_order_and_any_blocks_give_the_pauses_of_the_sorted_times(times: list[int]) -> None:
    account, arrived = Account(), [float(time) for time in times]
    while arrived:
        size = 1 + len(arrived) % 3
        account.take(*arrived[:size])
        arrived = arrived[size:]
    ordered = sorted(times)
    expected = {float(after): float(after - before) for before, after in pairwise(ordered)}
    assert account.counted == pytest.approx(expected, rel=1e-4)
