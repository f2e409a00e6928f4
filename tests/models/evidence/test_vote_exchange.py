"""Tallies are states: the newest of each partition counts, whatever comes twice or late, and none outvotes the others."""

from __future__ import annotations

import numpy as np
import pytest

from models.evidence.vote_exchange import MAX_SHARE, MIN_CAP_VOTES, Tallies

ONES, TWOS = np.ones((2, 4)), np.full((2, 4), 2.0)
NAMES = ("a", "b")
NOTHING = np.zeros(2)


def test_the_tallies_of_all_partitions_add_up() -> None:
    tallies = Tallies(4)
    tallies.receive(1, NAMES, ONES, 10.0, 0)
    tallies.receive(2, NAMES, TWOS, 11.0, 0)
    assert tallies.total(NAMES, NOTHING).tolist() == [[3.0] * 4] * 2


def test_without_tallies_the_others_have_no_votes() -> None:
    assert Tallies(4).total(NAMES, NOTHING).tolist() == [[0.0] * 4] * 2


def test_a_newer_tally_replaces_an_older_one_and_never_the_other_way_round() -> None:
    tallies = Tallies(4)
    tallies.receive(1, NAMES, TWOS, 20.0, 0)
    tallies.receive(1, NAMES, TWOS, 20.0, 1)
    tallies.receive(1, NAMES, ONES, 10.0, 2)
    assert tallies.total(NAMES, NOTHING).tolist() == [[2.0] * 4] * 2


def test_a_histogram_that_only_one_version_knows_is_left_out() -> None:
    tallies = Tallies(4)
    tallies.receive(1, ("a", "of a later version"), ONES, 10.0, 0)
    assert tallies.total(("b", "a"), NOTHING).tolist() == [[0.0] * 4, [1.0] * 4]


def test_tallies_outlive_a_restart() -> None:
    tallies, restarted = Tallies(4), Tallies(4)
    tallies.receive(3, NAMES, TWOS, 10.0, 7)
    restarted.table.load([(name, tallies.table.dump(name)) for name in list(tallies.table.dirty())])
    assert restarted.total(NAMES, NOTHING).tolist() == tallies.total(NAMES, NOTHING).tolist()
    restarted.receive(3, NAMES, ONES, 9.0, 8)
    assert restarted.total(NAMES, NOTHING).tolist() == tallies.total(NAMES, NOTHING).tolist()


@pytest.mark.parametrize("claimed", [1_000.0, 1e6, 1e38])
@pytest.mark.parametrize("partitions", [2, 3, 4, 16])
def test_a_partition_that_claims_too_much_counts_twice_what_is_typical(partitions: int, claimed: float) -> None:
    tallies, honest = Tallies(4), np.full((2, 4), 25.0)
    for source in range(2, partitions):
        tallies.receive(source, NAMES, honest, 10.0, 0)
    before = tallies.total(NAMES, np.full(2, 100.0))
    tallies.receive(1, NAMES, np.tile([claimed, 0.0, 0.0, 0.0], (2, 1)), 10.0, 0)
    added = tallies.total(NAMES, np.full(2, 100.0)) - before
    assert added == pytest.approx(np.tile([MAX_SHARE * 100.0, 0.0, 0.0, 0.0], (2, 1)))


def test_while_there_are_few_votes_chance_makes_them_uneven_and_all_count() -> None:
    tallies = Tallies(4)
    tallies.receive(1, NAMES, np.full((2, 4), MIN_CAP_VOTES / 4), 10.0, 0)
    assert tallies.total(NAMES, NOTHING).sum(axis=1).tolist() == [MIN_CAP_VOTES] * 2


def test_a_partition_that_starts_cold_believes_what_most_others_say() -> None:
    tallies = Tallies(4)
    for source, votes in ((1, 250.0), (2, 250.0), (3, 1e38)):
        tallies.receive(source, NAMES, np.full((2, 4), votes), 10.0, 0)
    assert tallies.total(NAMES, NOTHING).sum(axis=1) == pytest.approx([1000.0 + 1000.0 + MAX_SHARE * 1000.0] * 2)
