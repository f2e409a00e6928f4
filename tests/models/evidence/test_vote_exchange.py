"""Tallies are states: the newest of each partition counts, whatever comes twice or late."""

from __future__ import annotations

import numpy as np

from models.evidence.vote_exchange import Tallies

ONES, TWOS = np.ones((2, 4)), np.full((2, 4), 2.0)
NAMES = ("a", "b")


def test_the_tallies_of_all_partitions_add_up() -> None:
    tallies = Tallies(4)
    tallies.receive(1, NAMES, ONES, 10.0, 0)
    tallies.receive(2, NAMES, TWOS, 11.0, 0)
    assert tallies.total(NAMES).tolist() == [[3.0] * 4] * 2


def test_a_newer_tally_replaces_an_older_one_and_never_the_other_way_round() -> None:
    tallies = Tallies(4)
    tallies.receive(1, NAMES, TWOS, 20.0, 0)
    tallies.receive(1, NAMES, TWOS, 20.0, 1)
    tallies.receive(1, NAMES, ONES, 10.0, 2)
    assert tallies.total(NAMES).tolist() == [[2.0] * 4] * 2


def test_a_histogram_that_only_one_version_knows_is_left_out() -> None:
    tallies = Tallies(4)
    tallies.receive(1, ("a", "of a later version"), ONES, 10.0, 0)
    assert tallies.total(("b", "a")).tolist() == [[0.0] * 4, [1.0] * 4]


def test_tallies_outlive_a_restart() -> None:
    tallies, restarted = Tallies(4), Tallies(4)
    tallies.receive(3, NAMES, TWOS, 10.0, 7)
    restarted.table.load([(name, tallies.table.dump(name)) for name in list(tallies.table.dirty())])
    assert restarted.total(NAMES).tolist() == tallies.total(NAMES).tolist()
    restarted.receive(3, NAMES, ONES, 9.0, 8)
    assert restarted.total(NAMES).tolist() == tallies.total(NAMES).tolist()
