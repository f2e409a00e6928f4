from __future__ import annotations

import math

import numpy as np

from models.evidence.units import distinct_pairs, trimmed_mean, units


def of(organization: list[int], payment: list[int]) -> list[int]:
    return list(units(np.array(organization, np.uint64), np.array(payment, np.uint64)).tolist())


def test_an_organisation_with_one_payment_is_one_unit() -> None:
    assert len(set(of([5, 5, 5], [7, 7, 7]))) == 1


def test_two_organisations_on_one_card_are_two_units() -> None:
    assert len(set(of([5, 6], [7, 7]))) == 2


def test_accounts_without_an_organisation_are_units_of_their_own() -> None:
    assert len(set(of([0, 0, 5], [7, 7, 7]))) == 3


def test_nobody_is_no_unit() -> None:
    assert of([], []) == []


def test_units_are_numbered_from_zero() -> None:
    assert set(of([9, 3, 9, 0], [1, 1, 1, 1])) == {0, 1, 2}


def test_the_tenth_at_either_end_does_not_decide() -> None:
    assert trimmed_mean(np.array([-100.0, *[2.0] * 8, 100.0])) == 2


def test_unknown_values_are_left_out() -> None:
    assert trimmed_mean(np.array([1.0, math.nan, 3.0])) == 2
    assert trimmed_mean(np.array([math.nan])) == 0
    assert trimmed_mean(np.zeros(0)) == 0


def test_distinct_pairs_are_those_that_sorting_pairs_finds() -> None:
    rng = np.random.default_rng(3)
    for rows in (0, 1, 2, 40):
        first, second = (rng.integers(0, 5, rows).astype(np.uint64) for _ in range(2))
        slow = sorted(set(zip(first.tolist(), second.tolist(), strict=True)))
        assert list(zip(*(column.tolist() for column in distinct_pairs(first, second)), strict=True)) == slow
