from __future__ import annotations

import math

import numpy as np
import pytest

from models.arrays import Floats
from models.evidence.evenness import (
    _RATE_MULTIPLES,
    DISPATCHER_SHAPES,
    LOWEST_EVENNESS_NATS,
    MAX_EVENNESS_NATS,
    PEOPLE_SHAPES,
    Work,
    _below,
    log_likelihood_ratio,
    log_likelihood_ratios,
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


@pytest.mark.parametrize("least", [1, 2])
def test_groups_that_are_compared_in_one_pass_get_what_each_gets_alone(least: int) -> None:
    rng = np.random.default_rng(7)
    groups = [
        Work(
            np.round(rng.gamma(2, 5, rows)) + 1,
            rng.uniform(0.1, 2, rows),
            rng.uniform(0, 2, rows),
            np.round(rng.uniform(1, 2, rows)),
        )
        for rows in (0, 1, 2, 3, 7, 8, 9, 12, 15, 16, 17, 40, 41, 47, 130, 399, 500)
    ]
    assert log_likelihood_ratios(groups, least) == [log_likelihood_ratio(each, least) for each in groups]


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
    assert ratio([1, 1000] * 200) == LOWEST_EVENNESS_NATS


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


def slow_log_likelihood(done: Work, shape: float, rate: float, least: int, *, late: bool) -> float:
    """The same for one model and one rate, an account after another, as the formula is written."""
    total = 0.0
    for count, exposure, waited, accounts in zip(done.counts, done.exposure, done.waited, done.accounts, strict=True):
        size, scale = shape + accounts * late, shape / rate + waited * late
        none, some = scale / (scale + exposure), exposure / (scale + exposure)

        def probability(events: float, size: float = size, none: float = none, some: float = some) -> float:
            return float(math.exp(math.lgamma(events + size) - math.lgamma(size) - math.lgamma(events + 1)) * none**size * some**events)

        after = count - accounts
        total += math.lgamma(after + size) - math.lgamma(size) + size * math.log(none) + after * math.log(some)
        total -= math.log(1 - sum(probability(events) for events in range(least - 1)))
    return float(total)


def slow_ratio(done: Work, least: int) -> float:
    def best(shapes: tuple[float, ...]) -> float:
        rates = [
            (late, multiple * done.counts.sum() / (done.exposure + done.waited * late).sum())
            for late in (False, True)
            for multiple in _RATE_MULTIPLES
        ]
        return max(slow_log_likelihood(done, shape, rate, least, late=late) for shape in shapes for late, rate in rates)

    return float(np.clip(best(DISPATCHER_SHAPES) - best(PEOPLE_SHAPES), LOWEST_EVENNESS_NATS, MAX_EVENNESS_NATS))


@pytest.mark.parametrize("least", [1, 2, 3])
def test_trying_a_few_rates_finds_what_trying_all_of_them_finds(least: int) -> None:
    rng = np.random.default_rng(least)
    for accounts in (2, 3, 5, 9, 30):
        for shape in (0.5, 3.0, 30.0):
            exposure, waited = rng.uniform(0.05, 3.0, accounts), rng.uniform(0.0, 2.0, accounts) * (rng.random(accounts) < 0.7)
            counts = least + rng.poisson(rng.gamma(shape, rng.choice([0.5, 5.0, 90.0]) / shape, accounts) * exposure)
            done = Work.of_accounts(counts.astype(np.float64), exposure, waited)
            assert log_likelihood_ratio(done, least) == pytest.approx(slow_ratio(done, least), abs=1e-3)


@pytest.mark.parametrize("shape", [*DISPATCHER_SHAPES, *PEOPLE_SHAPES])
def test_the_share_below_a_threshold_is_the_sum_of_the_probabilities_below_it(shape: float) -> None:
    none, some = shape / (shape + 5.0), 5.0 / (shape + 5.0)
    chances = [math.exp(math.lgamma(n + shape) - math.lgamma(shape) - math.lgamma(n + 1)) * none**shape * some**n for n in range(400)]
    assert sum(chances) == pytest.approx(1)
    below = _below(np.full((1, 1, 1), shape * math.log(none)), np.full((1, 1, 1), some), np.full((1, 1, 1), shape), 3)
    assert below[0, 0, 0] == pytest.approx(sum(chances[:3]))
