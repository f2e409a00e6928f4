from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.accumulators import histogram
from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats

HALF_LIFE = 60.0
BINS = 4
EVENT = st.tuples(st.integers(0, 7), st.integers(0, 600).map(float), st.integers(-1, BINS - 1).map(float))
BLOCKS = st.lists(st.lists(EVENT, max_size=20), max_size=5)
Folded = Callable[[Any, Any], Floats]
Cells = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def slow(blocks: list[list[tuple[int, float, float]]], slot: int) -> list[float]:
    """What is left of each bin's events at the newest event's time, the events without a bin included in "newest"."""
    events = [(time, int(which)) for block in blocks for s, time, which in block if s == slot]
    newest = max((time for time, _ in events), default=0.0)
    return [sum(0.5 ** ((newest - time) / HALF_LIFE) for time, which in events if which == cell) for cell in range(BINS)]


def counted(folded: Folded, blocks: list[list[tuple[int, float, float]]]) -> Cells:
    cells: Cells = np.zeros((8, BINS), np.float32)

    def fold(grouped: GroupedEvents, which: Floats) -> None:
        histogram.fold(cells, grouped, which.astype(np.int64), HALF_LIFE)

    folded(blocks, fold)
    return cells


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BLOCKS)
def test_cells_are_those_of_one_event_at_a_time(folded: Folded, blocks: list[list[tuple[int, float, float]]]) -> None:
    expected = np.array([slow(blocks, slot) for slot in range(8)])
    np.testing.assert_allclose(counted(folded, blocks), expected, rtol=1e-4, atol=1e-4)


def test_a_number_falls_into_its_bin_and_an_outlier_into_the_outermost() -> None:
    values = np.array([-5.0, 0.0, 2.4, 2.5, 9.9, 10.0, np.inf, -np.inf, np.nan])
    assert histogram.bins_of(values, 0.0, 10.0, 4).tolist() == [0, 0, 0, 1, 3, 3, 3, 0, -1]


def test_equal_hashes_share_a_cell_and_the_unknown_has_none() -> None:
    cells = histogram.cells_of(np.array([0, 7, 7, 2**64 - 1], np.uint64), 16)
    assert cells[0] == -1
    assert cells[1] == cells[2]
    assert 0 <= cells[3] < 16


def test_hashes_that_differ_only_in_their_high_bits_spread_too() -> None:
    hashes = np.arange(1, 65, dtype=np.uint64) << np.uint64(32)
    assert len(set(histogram.cells_of(hashes, 16).tolist())) == 16


def test_a_flat_histogram_has_entropy_one_and_a_single_bin_none() -> None:
    cells = np.array([[2, 2, 2, 2], [0, 3, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(histogram.entropy(cells), [1.0, 0.0, 0.5, np.nan], atol=1e-12)


def test_the_largest_cell_of_three_against_one_is_three_quarters() -> None:
    cells = np.array([[3, 1, 0, 0], [0, 0, 0, 0]], np.float32)
    np.testing.assert_array_equal(histogram.top_share(cells), [0.75, np.nan])


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=16).filter(any))
def test_entropy_is_that_of_the_textbook(counts: list[int]) -> None:
    shares = [count / sum(counts) for count in counts if count]
    expected = -sum(share * math.log(share) for share in shares) / math.log(len(counts))
    assert histogram.entropy(np.array([counts], np.float32))[0] == pytest.approx(expected, abs=1e-6)
