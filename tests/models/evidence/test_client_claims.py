"""What is usual for a claim: counted from votes, the better known the more have voted, and only what is unusual twice is a misfit."""

from __future__ import annotations

from math import isnan, log

import numpy as np
import pytest

from models.arrays import Hashes
from models.evidence.client_claims import HALF_CLAIM_VOTES, ClientClaims, paired, weight

ONE = np.ones(1)
NOBODY = np.zeros((1, 3), np.uint64)


def keys(claim: int, connection: int, head: int) -> Hashes:
    made = np.array([[claim]], np.uint64)
    shown = [paired(made, np.array([[each]], np.uint64)) for each in (connection, head)]
    return np.hstack([made, *shown])


def after(*votes: tuple[int, Hashes]) -> ClientClaims:
    """Claims after so many accounts each have voted for these keys."""
    claims = ClientClaims()
    for count, said in votes:
        claims.replace_votes(np.repeat(NOBODY, count, 0), np.zeros(count), np.repeat(said, count, 0), np.ones(count))
    return claims


def misfit(claims: ClientClaims, claim: int, connection: int, head: int) -> float:
    return judged(claims, claim, connection, head)[0]


def judged(claims: ClientClaims, claim: int, connection: int, head: int) -> tuple[float, float]:
    """The misfit, and how far it is known."""
    nats, known = claims.misfit(*(np.array([each], np.uint64) for each in (claim, connection, head)))
    return float(nats[0]), float(known[0])


def test_who_shows_what_all_others_show_fits() -> None:
    assert misfit(after((99, keys(1, 5, 6))), 1, 5, 6) == 0.0


def test_one_of_a_hundred_with_another_connection_and_another_head_is_a_misfit_of_ln_100_as_far_as_a_hundred_votes_know() -> None:
    known = 100 / (100 + HALF_CLAIM_VOTES)
    assert judged(after((99, keys(1, 5, 6)), (1, keys(1, 7, 8))), 1, 7, 8) == pytest.approx((known * log(100), known))


def test_a_release_that_changes_the_head_alone_and_a_proxy_that_changes_the_connection_alone_fit() -> None:
    claims = after((100, keys(1, 5, 6)))
    assert misfit(claims, 1, 5, 8) == misfit(claims, 1, 7, 6) == 0.0


def test_what_is_usual_is_half_known_at_ten_votes_and_a_vote_more_makes_little_of_a_difference() -> None:
    nats, known = zip(*(judged(after((votes, keys(1, 5, 6))), 1, 7, 8) for votes in range(200)), strict=True)
    assert known[int(HALF_CLAIM_VOTES)] == 0.5
    assert (np.diff(known) > 0.0).all()
    assert np.diff(known).max() < 0.1
    assert np.diff(nats).max() < 0.16


def test_what_a_log_does_not_tell_is_no_misfit() -> None:
    claims = after((100, keys(1, 5, 6)))
    assert all(isnan(misfit(claims, *asked)) for asked in ((0, 7, 8), (1, 0, 8), (1, 7, 0)))


def test_another_claims_votes_say_nothing() -> None:
    assert judged(after((100, keys(1, 5, 6))), 2, 5, 6) == (0.0, 0.0)


def test_a_vote_that_is_taken_back_was_never_cast() -> None:
    claims, common, rare = after((99, keys(1, 5, 6)), (1, keys(1, 7, 8))), keys(1, 5, 6), keys(1, 7, 8)
    claims.replace_votes(rare, ONE, NOBODY, np.zeros(1))
    assert misfit(claims, 1, 7, 8) == pytest.approx(99 / 109 * log(99))
    recounted = ClientClaims()
    recounted.recount(np.vstack([np.repeat(common, 99, 0), NOBODY]), np.array([1.0] * 99 + [0.0]))
    assert misfit(recounted, 1, 7, 8) == misfit(claims, 1, 7, 8)


def test_a_hundred_accounts_of_one_payer_have_five_votes_when_they_come_one_by_one_and_one_together() -> None:
    one_by_one = weight(np.arange(1.0, 101.0)).sum()
    assert one_by_one == pytest.approx(5.2, abs=0.1)  # 1 + 1/2 + ... + 1/100
    assert weight(np.full(64, 64.0)).sum() == 1.0
