"""Limits of callers: over time, and of what they share."""

from __future__ import annotations

from streams.intake.rate_limits import Bucket, Shares


def test_a_bucket_fills_with_time_and_a_debt_is_waited_for() -> None:
    bucket = Bucket(rate=10, burst=20)
    bucket.spend(20, now=0.0)
    assert bucket.wait(0.0) == 0
    bucket.spend(5, now=0.0)
    assert bucket.wait(0.0) == 1
    assert bucket.wait(0.5) == 0
    bucket.spend(100, now=10.0)
    assert bucket.wait(10.0) == 2, "a debt is no more than a burst"


def test_a_source_may_use_half_of_what_the_others_leave_free() -> None:
    shares = Shares(64)
    assert shares.try_reserve("a", 32)
    assert not shares.try_reserve("a", 1)
    assert shares.try_reserve("b", 16)
    assert not shares.try_reserve("b", 1)
    assert shares.try_reserve("c", 8)
    shares.give_back("a", 32)
    assert shares.try_reserve("b", 12), "(64 - 8) / 2 = 28"
    assert not shares.try_reserve("b", 1)


def test_however_many_sources_use_their_share_each_other_one_gets_a_place() -> None:
    shares = Shares(64)
    for source in map(str, range(20)):
        while shares.try_reserve(source, 1):
            pass
    assert shares.try_reserve("last", 1)
