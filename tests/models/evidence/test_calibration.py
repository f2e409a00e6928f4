from __future__ import annotations

import math

import numpy as np
import pytest

from models.arrays import Floats
from models.evidence.calibration import MIN_FIT_VOTES, NO_VOTE, Tail


def tail_of(scores: Floats) -> Tail:
    tail = Tail()
    tail.recount(tail.ballots(scores, np.ones(len(scores), np.bool_)), np.ones(len(scores)))
    return tail


def exponential(entities: int, scale: float = 1.0) -> Floats:
    return scale * -np.log(1 - (np.arange(entities) + 0.5) / entities)


def test_an_exponential_tail_is_continued() -> None:
    # one in e^9 = 8,103 scores above 9, though only 4,000 entities were ever seen
    found = tail_of(exponential(4000)).false_alerts(np.array([9.0]))[0]
    assert found == pytest.approx(10_000 * math.exp(-9), rel=0.35)


def test_a_heavy_tail_asks_for_a_higher_bar() -> None:
    rng = np.random.default_rng(1)
    heavy, light = tail_of(rng.pareto(4, 4000) * 3).fit(), tail_of(rng.uniform(0, 20, 4000)).fit()
    assert heavy is not None
    assert light is not None
    assert heavy.shape > light.shape == 0


def test_too_few_votes_are_not_enough_evidence() -> None:
    assert tail_of(exponential(MIN_FIT_VOTES - 1)).fit() is None
    assert math.isnan(tail_of(exponential(MIN_FIT_VOTES - 1)).false_alerts(np.array([20.0]))[0])


def test_entities_that_all_score_nothing_have_no_tail() -> None:
    assert tail_of(np.zeros(5000)).fit() is None


def test_votes_exchanged_are_votes_recounted() -> None:
    tail, scores = tail_of(np.array([1.0, 2.0, 3.0])), np.array([4.0, 9.0, 3.0])
    new = tail.ballots(scores, np.array([True, False, True]))
    tail.replace_votes(tail.ballots(np.array([1.0, 2.0, 3.0]), np.ones(3, np.bool_)), np.ones(3), new, np.ones(3))
    assert new[1] == NO_VOTE
    np.testing.assert_array_equal(tail.votes, tail_of(np.array([4.0, 3.0])).votes)
