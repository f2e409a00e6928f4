from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.accumulators.lowest import lowest


def hashes(*rows: list[int]) -> NDArray[np.uint64]:
    return np.array(rows, np.uint64)


def test_the_lowest_stay_in_order_and_each_once() -> None:
    found = lowest(hashes([4, 9], [0, 0]), np.array([0, 0, 1]), np.array([7, 4, 5], np.uint64))
    assert found.tolist() == [[4, 7], [5, 0]]


def test_nothing_shown_changes_nothing() -> None:
    assert lowest(hashes([4, 9]), np.array([0, 0]), np.zeros(2, np.uint64)).tolist() == [[4, 9]]


def test_the_order_of_arrival_makes_no_difference() -> None:
    shown = np.random.default_rng(1).integers(1, 50, 40).astype(np.uint64)
    entity, empty = np.arange(40) % 3, np.zeros((3, 4), np.uint64)
    at_once = lowest(empty, entity, shown)
    in_two = lowest(lowest(empty, entity[20:], shown[20:]), entity[:20], shown[:20])
    np.testing.assert_array_equal(in_two, at_once)
