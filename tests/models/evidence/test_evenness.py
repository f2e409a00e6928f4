from __future__ import annotations

import math

import numpy as np
import pytest

from models.accumulators.step import Floats
from models.evidence.evenness import (
    DISPATCHER_SHAPES,
    MAX_EVENNESS_NATS,
    MIN_EVENNESS_NATS,
    PEOPLE_SHAPES,
    Work,
    _below,
    _chances,
    _log_probability,
    log_likelihood_ratio,
)
from models.evidence.weighing import MIN_EVIDENCE_NATS


def work(counts: list[float] | Floats, exposure: list[float] | Floats | float = 1.0, waited: list[float] | float = 0.0) -> Work:
    asked = np.array(counts, np.float64)
    return Work.of_accounts(asked, np.full(len(asked), exposure, np.float64), np.full(len(asked), waited, np.float64))


def ratio(counts: list[float] | Floats, exposure: list[float] | Floats | float = 1.0, least: int = 1) -> float:
    return log_likelihood_ratio(work(counts, exposure), least)


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
    counts = drawn(PEOPLE_SHAPES[0], 1.0, 2000, seed=1, least=3)
    assert ratio(counts, least=1) > 10
    assert ratio(counts, least=3) < 2


def test_it_stays_above_its_floor() -> None:
    assert ratio([1, 1000] * 200) == MIN_EVENNESS_NATS


@pytest.mark.parametrize("seed", range(5))
def test_it_tells_the_two_stories_apart(seed: int) -> None:
    assert ratio(drawn(DISPATCHER_SHAPES[0], 25, 50, seed)) > 7
    assert ratio(drawn(PEOPLE_SHAPES[1], 25, 50, seed)) < -3


def joined(rates: Floats, seed: int) -> Work:
    """Who has come within a day, at random from its start on, each at its own rate a day; and how much each has done since."""
    rng = np.random.default_rng(seed)
    first = rng.exponential(1 / rates)
    came = first < 1.0
    after = rng.poisson(rates[came] * (1.0 - first[came])).astype(np.float64)
    return Work.of_accounts(1.0 + after, np.maximum(1.0 - first[came], 0.01), first[came])


@pytest.mark.parametrize("seed", range(5))
def test_light_people_who_come_late_do_not_make_a_crowd_even(seed: int) -> None:
    rates = np.random.default_rng(seed + 100).gamma(PEOPLE_SHAPES[0], 2.5 / PEOPLE_SHAPES[0], 300)
    assert log_likelihood_ratio(joined(rates, seed)) < 0


@pytest.mark.parametrize("seed", range(5))
def test_accounts_that_join_a_pool_one_by_one_are_even(seed: int) -> None:
    rng = np.random.default_rng(seed)
    waited = rng.uniform(0.0, 0.9, 60)
    assert log_likelihood_ratio(Work.of_accounts(1.0 + rng.poisson(25 * (1 - waited)).astype(np.float64), 1 - waited, waited)) > 7


def test_people_at_one_event_are_not_even_however_their_evening_goes() -> None:
    def evening(seed: int) -> float:
        rng = np.random.default_rng(seed)
        waited = rng.uniform(0.0, 0.5, 59)
        after = rng.poisson(rng.gamma(3.0, 14 / 3.0, 59) * (1 - waited)).astype(np.float64)
        return log_likelihood_ratio(Work.of_accounts(1.0 + after, 1 - waited, waited))

    assert max(evening(seed) for seed in range(40)) < MIN_EVIDENCE_NATS


def test_a_payer_of_several_accounts_has_done_what_they_have() -> None:
    paid = work([5, 7, 9], [1, 2, 3], [0, 0, 1]).by(np.array([0, 1, 1]))
    assert (paid.counts.tolist(), paid.exposure.tolist(), paid.waited.tolist(), paid.accounts.tolist()) == ([5, 16], [1, 5], [0, 1], [1, 2])


def test_it_stays_within_its_limits() -> None:
    assert ratio([100] * 5000) == MAX_EVENNESS_NATS


@pytest.mark.parametrize("shape", [*DISPATCHER_SHAPES, *PEOPLE_SHAPES])
def test_probabilities_sum_to_one(shape: float) -> None:
    counts, shapes = np.arange(400.0), np.full(400, shape)
    none, some = _chances(np.full((1, 400), shape / 5.0), np.ones(400))
    logarithm = _log_probability(counts, none, some, shapes)[0] - np.array([math.lgamma(count + 1) for count in counts])
    assert np.exp(logarithm).sum() == pytest.approx(1)
    assert (np.exp(logarithm) * counts).sum() == pytest.approx(5, rel=1e-3)
    assert _below(none, some, shapes, 3)[0, 0] == pytest.approx(np.exp(logarithm[:3]).sum())
    assert _below(none, some, shapes, 0)[0, 0] == 0.0
