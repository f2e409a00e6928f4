from __future__ import annotations

import math

import numpy as np
import pytest

from models.accumulators.step import Floats
from models.evenness import CEILING, DISPATCHER, FLOOR, PEOPLE, _below, _chances, _log_probability, log_likelihood_ratio


def ratio(counts: list[float] | Floats, exposure: list[float] | None = None, least: int = 1) -> float:
    return log_likelihood_ratio(np.array(counts, np.float64), np.array(exposure or [1.0] * len(counts)), least)


def drawn(shape: float, mean: float, accounts: int, seed: int, least: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.gamma(shape, mean / shape, accounts)).astype(np.float64)
    return counts[counts >= least]


def test_twenty_equal_counts_come_from_a_dispatcher() -> None:
    assert ratio([25] * 20) > 7


def test_many_light_and_a_few_heavy_are_people() -> None:
    assert ratio([1, 2, 3, 5, 8, 13, 60, 200]) < -7


def test_nobody_and_one_alone_say_nothing() -> None:
    assert ratio([]) == ratio([50]) == 0.0


def test_unknown_counts_and_exposures_are_left_out() -> None:
    assert ratio([25, 25, math.nan, 25], [1, 1, 1, math.nan]) == ratio([25, 25])


def test_who_could_ask_twice_as_long_may_ask_twice_as_often() -> None:
    assert ratio([10, 20, 30, 40], [1, 2, 3, 4]) > ratio([10, 20, 30, 40]) + 1


def test_the_unit_of_time_does_not_matter() -> None:
    assert ratio([10, 20, 15], [1, 2, 1]) == pytest.approx(ratio([10, 20, 15], [60, 120, 60]))


def test_counts_barely_above_a_threshold_are_not_even() -> None:
    # people of whom only those with three requests or more are seen: untruncated they would look like a dispatcher's
    counts = drawn(PEOPLE[0], 1.0, 2000, seed=1, least=3)
    assert ratio(counts, least=1) > 10
    assert ratio(counts, least=3) < 2


def test_it_stays_above_its_floor() -> None:
    assert ratio([1, 1000] * 200) == FLOOR


@pytest.mark.parametrize("seed", range(5))
def test_it_tells_the_two_stories_apart(seed: int) -> None:
    assert ratio(drawn(DISPATCHER[0], 25, 50, seed)) > 7
    assert ratio(drawn(PEOPLE[0], 25, 50, seed)) < -3


def test_it_stays_within_its_limits() -> None:
    assert ratio([100] * 5000) == CEILING


@pytest.mark.parametrize("shape", [*DISPATCHER, *PEOPLE])
def test_probabilities_sum_to_one(shape: float) -> None:
    counts = np.arange(400.0)
    none, some = _chances(np.full((1, 400), 5.0), shape)
    logarithm = _log_probability(counts, none, some, shape)[0] - np.array([math.lgamma(count + 1) for count in counts])
    assert np.exp(logarithm).sum() == pytest.approx(1)
    assert _below(none, some, shape, 3)[0, 0] == pytest.approx(np.exp(logarithm[:3]).sum())
