from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.arrays import Floats
from models.evidence import weighing
from models.evidence.calibration import NO_VOTE, VOTE_BINS
from models.evidence.families import FAMILIES
from models.evidence.weighing import HALF_VOTES, FamilySum, Reference, level_reference

VOTES = st.lists(st.integers(0, VOTE_BINS - 1), max_size=30)
NATS = st.lists(st.one_of(st.just(math.nan), st.floats(-1, 9)), min_size=1, max_size=6)


def reference(direction: str, votes: list[int]) -> Reference:
    """A reference of one feature between 0 and 128, so that a value is its bin."""
    made = Reference([(0.0, float(VOTE_BINS))], [direction])
    made.recount(np.array(votes, np.uint8).reshape(-1, 1), np.ones(len(votes)))
    return made


def nats(direction: str, votes: list[int], value: float) -> float:
    return float(reference(direction, votes).tails(np.array([[value]]))[0, 0])


def slow(direction: str, votes: list[int], value: int) -> float:
    """-ln of the share of votes as extreme as the value, half of the equal ones counted, half a vote added on either side; less 1."""
    under = (sum(vote < value for vote in votes) + sum(vote == value for vote in votes) / 2 + 0.5) / (len(votes) + 1)
    tail = {"low": under, "high": 1 - under, "both": min(1.0, 2 * min(under, 1 - under))}[direction]
    return (-math.log(max(tail, 0.5 / (len(votes) + 1))) - 1) * len(votes) / (len(votes) + HALF_VOTES)


@given(st.sampled_from(["low", "high", "both"]), VOTES, st.integers(0, VOTE_BINS - 1))
def test_tails_are_those_counted_vote_by_vote(direction: str, votes: list[int], value: int) -> None:
    assert nats(direction, votes, value + 0.5) == pytest.approx(slow(direction, votes, value))


def test_one_above_ninety_nine_has_a_tail_of_one_in_two_hundred() -> None:
    assert nats("high", [1] * 99, 50) == pytest.approx((math.log(200) - 1) * 99 / (99 + HALF_VOTES))
    assert nats("low", [1] * 99, 50) < 0


def test_a_young_reference_says_little() -> None:
    assert nats("high", [], 127) == 0
    assert nats("high", [0, 0, 0], 127) < 0.2


def test_what_is_unknown_has_no_tail() -> None:
    assert math.isnan(nats("high", [1, 2, 3], math.nan))


def test_values_beyond_the_limits_count_as_the_limits() -> None:
    assert nats("high", [1, 2, 3], math.inf) == nats("high", [1, 2, 3], 127.5)
    assert nats("high", [1, 2, 3], -5) == nats("high", [1, 2, 3], 0)


def test_an_ordinary_entity_has_nothing_on_average() -> None:
    votes = np.repeat(np.arange(VOTE_BINS), 20)
    found = reference("high", votes.tolist()).tails(np.asarray(votes[:, None] + 0.5, np.float64))
    assert abs(float(found.mean())) < 0.02


@given(VOTES, VOTES)
def test_votes_exchanged_are_votes_recounted(old: list[int], new: list[int]) -> None:
    rows = min(len(old), len(new))
    made = reference("high", old[:rows])
    whole = np.ones(rows)
    made.replace_votes(np.array(old[:rows], np.uint8).reshape(-1, 1), whole, np.array(new[:rows], np.uint8).reshape(-1, 1), whole)
    np.testing.assert_array_equal(made.votes, reference("high", new[:rows]).votes)


def test_a_withdrawn_vote_does_not_count() -> None:
    made = reference("high", [5, 7])
    made.replace_votes(np.array([[7]], np.uint8), np.ones(1), np.array([[NO_VOTE]], np.uint8), np.ones(1))
    np.testing.assert_array_equal(made.votes, reference("high", [5]).votes)


def test_a_vote_counts_with_its_weight_until_it_is_exchanged() -> None:
    made = reference("high", [])
    made.recount(np.array([[5], [5]], np.uint8), np.array([0.5, 0.25]))
    assert made.votes[0, 5] == 0.75
    made.replace_votes(np.array([[5]], np.uint8), np.array([0.5]), np.array([[9]], np.uint8), np.array([0.125]))
    assert (made.votes[0, 5], made.votes[0, 9]) == (0.25, 0.125)


def test_the_usual_range_holds_eight_of_ten_votes() -> None:
    low, high = reference("high", list(range(10, 20))).usual()[0]
    assert (low, high) == (10.5, 18.5)
    assert np.isnan(reference("high", []).usual()).all()


def test_a_rank_is_the_share_of_votes_below() -> None:
    made = reference("high", [10, 20, 30, 40])
    found = made.rank(0, np.array([0.0, 11.0, 25.0, 127.0, math.nan]))
    np.testing.assert_allclose(found, [0, 0.25, 0.5, 1, np.nan])
    assert np.isnan(reference("high", []).rank(0, np.array([1.0]))).all()


def test_a_rank_is_by_the_features_own_limits() -> None:
    made = Reference([(0.0, 1.0), (0.0, 2.0 * VOTE_BINS)], ["high", "high"])
    made.recount(np.array([[10, 10], [20, 20]], np.uint8), np.ones(2))
    assert made.rank(1, np.array([30.0, 2.0 * VOTE_BINS])).tolist() == [0.5, 1.0]
    assert made.votes[1, 10] == made.votes[0, 20] == 1.0


def test_thresholds_hang_together() -> None:
    """No unruled evidence alerts, and who is asked about has no vote."""
    assert (weighing.MAX_UNRULED_NATS, weighing.ALERT_THRESHOLD_NATS) == (6.5, 13.0)
    assert pytest.approx(9.1) == weighing.SUSPECT_NATS


def family(values: list[float], trust: list[float] | None = None) -> tuple[float, float]:
    """Level of the family content of one entity with these features, and how much of it to believe."""
    raw, shrunk = FamilySum(["content"] * len(values)).of(np.array([values]), np.array([trust or [1.0] * len(values)]))
    return float(raw[0, 0]), float(shrunk[0, 0])


@given(NATS)
def test_a_level_is_the_mean_of_the_two_largest(values: list[float]) -> None:
    known = sorted((value for value in values if not math.isnan(value)), reverse=True)
    level = family(values)[0]
    assert math.isnan(level) if not known else level == pytest.approx(float(np.mean(known[:2])))


@pytest.mark.parametrize("features", [1, 2, 5, 11])
def test_a_family_of_ordinary_features_has_nothing_on_average(features: int) -> None:
    chance = np.random.default_rng(features).exponential(size=(20_000, features)) - 1
    levels, _ = FamilySum(["content"] * features).of(chance, np.ones_like(chance))
    reference = level_reference()
    reference.recount(reference.bins(levels), np.ones(len(levels)))
    assert abs(float(np.nanmean(reference.tails(levels)))) < 0.06


def test_what_rests_on_few_events_is_believed_less() -> None:
    assert family([4.0], [0.5]) == (4.0, 0.5)
    assert weighing.trust(np.array([[8.0, 24.0, 0.0]]), np.array([8.0, 8.0, 8.0])).tolist() == [[0.5, 0.75, 0.0]]


def families(**nats_of: float) -> Floats:
    return np.array([[nats_of.get(name, math.nan) for name in FAMILIES]])


def test_clients_and_networks_make_a_router_and_content_does_not() -> None:
    assert weighing.routing(families(client=5, network=4, content=7))[0] == 9


def test_an_even_load_and_a_shared_purse_bear_out_a_channel_and_make_none() -> None:
    assert weighing.routing(families(client=3, evenness=7, payment=7))[0] == 3 + 2 * 3
    assert weighing.routing(families(client=4, evenness=7, payment=7))[0] == 4 + 7
    assert weighing.routing(families(client=0.2, network=-0.2, evenness=7, payment=7))[0] == pytest.approx(0)
    assert weighing.routing(families(client=4, evenness=-7))[0] == 0.5


def test_a_reference_counts_the_votes_of_others_as_its_own() -> None:
    values = np.random.default_rng(0).normal(size=(2000, 1))
    alone, shared = (Reference([(-5.0, 5.0)], ["high"]) for _ in range(2))
    alone.recount(alone.bins(values), np.ones(2000))
    shared.recount(shared.bins(values[:500]), np.ones(500))
    shared.other_partitions_votes = alone.votes - shared.votes
    asked = np.array([[-1.0], [0.0], [2.5]])
    np.testing.assert_allclose(shared.tails(asked), alone.tails(asked))
    np.testing.assert_allclose(shared.usual(), alone.usual())
    np.testing.assert_allclose(shared.rank(0, asked[:, 0]), alone.rank(0, asked[:, 0]))


def test_an_entity_of_which_nothing_is_known_has_no_evidence() -> None:
    assert weighing.routing(families())[0] == 0
