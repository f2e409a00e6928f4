from __future__ import annotations

import numpy as np
import pytest
from measures import average_precision, bootstrap, mean, threshold_at, wilson


def test_a_share_of_nothing_could_be_anything() -> None:
    estimate = wilson(0, 0)
    assert (estimate.low, estimate.high) == (0.0, 1.0)


def test_none_of_ten_may_still_be_a_quarter() -> None:
    estimate = wilson(0, 10)
    assert estimate.low == 0.0
    assert estimate.high == pytest.approx(0.2775, abs=1e-3)


def test_all_positives_first_is_perfect_and_ties_share_their_step() -> None:
    positive = np.array([True, True, False, False])
    assert average_precision(np.array([4.0, 3.0, 2.0, 1.0]), positive) == 1.0
    assert average_precision(np.ones(4), positive) == 0.5


def test_the_interval_of_equal_values_is_a_point() -> None:
    assert bootstrap([2.0, 2.0, 2.0], mean).as_json() == [2.0, 2.0, 2.0]


def test_one_innocent_in_a_thousand_lies_above_the_threshold() -> None:
    scores = np.arange(2001.0)
    positive = scores == 2000
    assert (scores[~positive] > threshold_at(scores, positive)).sum() == 2
