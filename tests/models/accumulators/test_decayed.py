from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.accumulators import decayed
from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats

HALF_LIFE = 60.0
EVENT = st.tuples(st.integers(0, 7), st.integers(0, 600).map(float), st.integers(-100, 100).map(float))
BLOCKS = st.lists(st.lists(EVENT, max_size=20), max_size=5)
Folded = Callable[[Any, Any], Floats]


def slow(blocks: list[list[tuple[int, float, float]]], slot: int) -> float:
    """What is left of all values at the newest one's time: each halves every half-life."""
    events = [(time, value) for block in blocks for s, time, value in block if s == slot]
    newest = max((time for time, _ in events), default=0.0)
    return float(sum(value * 0.5 ** ((newest - time) / HALF_LIFE) for time, value in events))


def summed(folded: Folded, blocks: list[list[tuple[int, float, float]]]) -> list[float]:
    sums = np.zeros((8, 1), np.float32)

    def fold(grouped: GroupedEvents, values: Floats) -> None:
        decayed.fold(sums, grouped, values[None], HALF_LIFE)

    folded(blocks, fold)
    return [float(total) for total in sums[:, 0]]


def test_one_half_life_of_silence_halves_the_sum(folded: Folded) -> None:
    assert summed(folded, [[(0, 0.0, 1.0)], [(0, 60.0, 1.0)]])[0] == 1.5


def test_a_late_event_counts_what_it_would_be_worth_by_now(folded: Folded) -> None:
    assert summed(folded, [[(0, 60.0, 1.0)], [(0, 0.0, 1.0)]])[0] == 1.5


def test_others_are_left_alone(folded: Folded) -> None:
    assert summed(folded, [[(0, 0.0, 4.0)], [(1, 600.0, 1.0)]])[:2] == [4.0, 1.0]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BLOCKS)
def test_sums_are_those_of_one_event_at_a_time(folded: Folded, blocks: list[list[tuple[int, float, float]]]) -> None:
    assert summed(folded, blocks) == pytest.approx([slow(blocks, slot) for slot in range(8)], rel=1e-4, abs=1e-3)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BLOCKS)
def test_neither_order_nor_blocks_matter(folded: Folded, blocks: list[list[tuple[int, float, float]]]) -> None:
    one_by_one = [[event] for block in reversed(blocks) for event in reversed(block)]
    assert summed(folded, one_by_one) == pytest.approx(summed(folded, blocks), rel=1e-4, abs=1e-3)
