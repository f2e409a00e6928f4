from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.accumulators.grouped_events import GroupedEvents

EVENTS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 100).map(float)), max_size=30)


def slow_gaps(blocks: list[list[tuple[int, float]]]) -> list[list[float]]:
    """Seconds since the entity's previous event, one event at a time, by entity and time within a block; NaN for first and late ones."""
    newest: dict[int, float] = {}
    found = []
    for block in blocks:
        gaps, before = [], dict(newest)
        for slot, time in sorted(block):
            gap = time - before.get(slot, math.nan)
            gaps.append(gap if gap >= 0 else math.nan)
            before[slot] = time
            newest[slot] = max(time, newest.get(slot, -math.inf))
        found.append(gaps)
    return found


def of(events: list[tuple[int, float]], clock: np.ndarray[tuple[int], np.dtype[np.float64]]) -> GroupedEvents:
    return GroupedEvents.of(np.array([slot for slot, _ in events], np.int64), np.array([time for _, time in events], np.float64), clock)


def test_events_are_grouped_by_entity_and_ordered_by_time() -> None:
    grouped = of([(5, 30.0), (2, 20.0), (5, 10.0)], np.full(8, -np.inf))
    assert grouped.order.tolist() == [1, 2, 0]
    assert grouped.slots.tolist() == [2, 5]
    assert grouped.starts.tolist() == [0, 1]
    assert grouped.counts.tolist() == [1, 2]
    assert grouped.entity.tolist() == [0, 1, 1]
    assert grouped.clock.tolist() == [20.0, 30.0]


def test_a_late_event_never_turns_the_clock_back() -> None:
    grouped = of([(0, 40.0)], np.array([100.0]))
    assert grouped.clock_before.tolist() == [100.0]
    assert grouped.clock.tolist() == [100.0]


def test_an_empty_block_is_a_step_of_nobody() -> None:
    grouped = of([], np.full(8, -np.inf))
    assert len(grouped.slots) == len(grouped.order) == len(grouped.gaps()) == 0


def test_a_gap_reaches_back_over_blocks_and_a_late_event_has_none() -> None:
    grouped = of([(0, 130.0), (0, 90.0)], np.array([100.0]))
    np.testing.assert_array_equal(grouped.gaps(), [np.nan, 40.0])


@given(st.lists(EVENTS, max_size=4))
def test_gaps_are_those_of_one_event_at_a_time(blocks: list[list[tuple[int, float]]]) -> None:
    clock = np.full(8, -np.inf)
    for events, expected in zip(blocks, slow_gaps(blocks), strict=True):
        grouped = of(events, clock)
        np.testing.assert_array_equal(grouped.gaps(), np.array(expected, np.float64))
        clock[grouped.slots] = grouped.clock
