from __future__ import annotations

from math import nan

import numpy as np

from models.durations import DAY
from models.evidence.releases import NEW_SECONDS, Releases

CROWD = np.arange(20, dtype=np.uint64)


def used(releases: Releases, model: str, at: float, accounts: np.ndarray = CROWD) -> None:
    releases.observe([model], np.zeros(len(accounts), int), accounts, np.full(len(accounts), at), offset=1)


def is_new(releases: Releases, model: str, at: float) -> float:
    return float(releases.new([model], np.array([0]), np.array([at]))[0])


def two_days_of_the_old_and_then_the_next() -> Releases:
    releases = Releases()
    used(releases, "old", 0.0)
    used(releases, "next", 2 * DAY)
    return releases


def test_a_model_that_comes_later_is_new_for_three_days() -> None:
    releases = two_days_of_the_old_and_then_the_next()
    assert [is_new(releases, "next", 2 * DAY + after) for after in (0.0, NEW_SECONDS - 1, NEW_SECONDS)] == [1, 1, 0]


def test_what_was_there_at_the_start_is_not_new() -> None:
    assert is_new(two_days_of_the_old_and_then_the_next(), "old", 1.0) == 0


def test_a_model_of_one_customer_is_no_release() -> None:
    releases = two_days_of_the_old_and_then_the_next()
    used(releases, "tuned for a shop", 2 * DAY, accounts=np.full(50, 7, np.uint64))
    assert is_new(releases, "tuned for a shop", 2 * DAY) == 0


def test_an_unknown_model_is_unknown() -> None:
    assert np.isnan(two_days_of_the_old_and_then_the_next().new(["old"], np.array([-1]), np.array([nan]))).all()


def test_hostile_names_do_not_fill_the_memory() -> None:
    releases = Releases()
    for number in range(1000):
        used(releases, f"m{number}", 0.0, CROWD[:1])
    assert len(releases.table) == 512


def test_a_restart_forgets_nothing() -> None:
    releases, again = two_days_of_the_old_and_then_the_next(), Releases()
    again.table.load([(chunk, releases.table.dump(chunk)) for chunk in releases.table.dirty()])
    assert is_new(again, "next", 2 * DAY) == 1
