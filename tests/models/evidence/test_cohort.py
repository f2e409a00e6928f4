from __future__ import annotations

import math

import numpy as np
import pytest

from models.durations import DAY
from models.evidence.cohort import MAX_COHORT_NATS, divergence, scan

YEAR = 365 * DAY


def test_a_coin_of_one_half_against_one_quarter() -> None:
    expected = 0.5 * math.log(2) + 0.5 * math.log(0.5 / 0.75)
    assert divergence(np.array(0.5), np.array(0.25)) == pytest.approx(expected)


def test_a_smaller_share_than_usual_says_nothing() -> None:
    assert divergence(np.array(0.1), np.array(0.25)) == 0


def test_certainty_is_finite() -> None:
    assert np.isfinite(divergence(np.array([0.0, 1.0]), np.array([1.0, 0.0]))).all()


def test_ten_accounts_of_one_week_in_a_year() -> None:
    created = np.linspace(0, 7 * DAY, 10)
    assert scan(created, 1 - created / YEAR) > 20


def test_accounts_of_all_ages() -> None:
    created = np.linspace(0, YEAR, 10)
    assert scan(created, 1 - created / YEAR) == 0


def test_a_wave_of_sign_ups_is_no_news() -> None:
    # half of everybody joined in the same week
    created = np.linspace(0, 7 * DAY, 10)
    assert scan(created, 0.5 - created / (14 * DAY)) < 2


def test_two_accounts_and_a_minority_are_no_batch() -> None:
    assert scan(np.zeros(2), np.zeros(2)) == 0
    created = np.array([0, 0, 0, *np.linspace(DAY * 90, YEAR, 7)])
    assert scan(created, 1 - created / YEAR) == 0


def test_unknown_ages_count_as_outside() -> None:
    created = np.linspace(0, DAY, 4)
    alone, diluted = (
        scan(created, 1 - created / YEAR),
        scan(np.append(created, [math.nan] * 2), np.append(1 - created / YEAR, [math.nan] * 2)),
    )
    assert alone > diluted > 0
    assert scan(np.append(created, [math.nan] * 5), np.append(1 - created / YEAR, [math.nan] * 5)) == 0


def test_nobody_is_no_batch() -> None:
    assert scan(np.zeros(0), np.zeros(0)) == 0


def test_it_stays_within_its_limits() -> None:
    assert scan(np.zeros(500), np.zeros(500)) == MAX_COHORT_NATS


@pytest.mark.parametrize("accounts", [3, 5, 10, 30])
def test_accounts_drawn_at_random_rarely_reach_three_nats(accounts: int) -> None:
    rng = np.random.default_rng(accounts)
    found = [scan(created, 1 - created / YEAR) for created in rng.uniform(0, YEAR, (1000, accounts))]
    assert np.mean(np.array(found) > 3) < 0.03
