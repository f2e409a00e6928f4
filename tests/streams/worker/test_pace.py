"""How far a partition may run ahead of its feedback."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from streams.worker.pace import (
    LIVE_SECONDS,
    MARK_AGAIN_SECONDS,
    MARK_INTERVAL_SECONDS,
    MAX_FEEDBACK_LAG_SECONDS,
    MAX_WAITING_BYTES,
    PATIENCE_SECONDS,
    UNKNOWN_EPOCH_SECONDS,
    Mark,
    Pace,
    Slowest,
)

A_MINUTE = MAX_FEEDBACK_LAG_SECONDS
END_SECONDS = 5.0


def a_pace(newest: float = 1_000.0, partitions: int = 2) -> Pace:
    return Pace(partitions, newest, now=0.0, end_seconds=END_SECONDS)


def a_record(size: int = 3) -> Any:
    return SimpleNamespace(value=bytes(size))


def test_the_slowest_is_known_once_every_partition_has_sent_a_mark() -> None:
    slowest = Slowest(2)
    assert (slowest.record_mark(Mark(0, 60.0)), slowest.time) == (False, -math.inf)
    assert (slowest.record_mark(Mark(1, 30.0)), slowest.time) == (True, 30.0)
    assert (slowest.record_mark(Mark(0, 90.0)), slowest.time) == (False, 30.0)
    assert (slowest.record_mark(Mark(1, math.inf)), slowest.time) == (True, 90.0)
    assert slowest.record_mark(Mark(7, 0.0)) is False, "there is no partition 7"


def test_a_block_waits_that_reaches_more_than_a_minute_beyond_the_slowest_answer() -> None:
    pace = a_pace()
    pace.add(a_record(), 1_000.0 + A_MINUTE)
    assert not pace.must_wait()
    pace.pop_next()
    pace.add(a_record(), 1_001.0 + A_MINUTE)
    assert pace.must_wait()
    pace.record_mark(Mark(0, 1_050.0))
    assert pace.must_wait(), "the other partition of groups has not answered"
    pace.record_mark(Mark(1, 1_001.0))
    assert not pace.must_wait()


def waited(pace: Pace, seconds: float) -> None:
    """Let time pass, a look a second."""
    for second in range(1, int(seconds) + 1):
        pace.advance_to(float(second))


def test_it_waits_for_a_groups_stage_that_is_away_for_a_minute_only() -> None:
    pace = a_pace()
    assert pace.mark_due(at_end=False, now=0.0) == 1_000.0
    pace.add(a_record(), 9_000.0)
    waited(pace, PATIENCE_SECONDS - 1)
    assert pace.must_wait()
    pace.advance_to(PATIENCE_SECONDS)
    assert not pace.must_wait()
    pace.pop_next()
    assert pace.is_free


def test_a_worker_that_was_kept_from_working_has_not_waited_for_its_groups() -> None:
    pace = a_pace()
    pace.add(a_record(), 9_000.0)
    pace.advance_to(10 * PATIENCE_SECONDS)
    assert pace.must_wait(), "an answer may have come meanwhile, and nobody read it"


def test_a_groups_stage_that_knows_nothing_yet_is_told_again() -> None:
    pace = a_pace(partitions=1)
    assert pace.mark_due(at_end=False, now=0.0) == 1_000.0
    pace.record_mark(Mark(0, 1_000.0))
    pace.add(a_record(), 9_000.0)
    assert pace.mark_due(at_end=False, now=0.0) == 9_000.0
    assert pace.mark_due(at_end=False, now=1.0) is None
    pace.record_mark(Mark(0, UNKNOWN_EPOCH_SECONDS))
    assert pace.mark_due(at_end=False, now=1.0) == 9_000.0
    assert pace.mark_due(at_end=False, now=1.0) is None, "once is enough"


def test_a_mark_without_an_answer_is_sent_again_from_time_to_time() -> None:
    pace = a_pace()
    assert pace.mark_due(at_end=False, now=0.0) == 1_000.0
    assert pace.mark_due(at_end=False, now=MARK_AGAIN_SECONDS - 1) is None
    assert pace.mark_due(at_end=False, now=MARK_AGAIN_SECONDS) == 1_000.0


def test_the_next_record_has_a_reach_when_it_need_not_wait() -> None:
    pace = a_pace()
    assert pace.next_reach == math.inf, "none waits"
    pace.add(a_record(), 1_000.0 + A_MINUTE)
    assert pace.next_reach == 1_000.0 + A_MINUTE
    pace.pop_next()
    pace.add(a_record(), 1_001.0 + A_MINUTE)
    assert pace.next_reach == math.inf, "it waits for feedback"


def test_nothing_waits_once_every_partition_has_come_to_its_end() -> None:
    pace = a_pace(partitions=1)
    assert pace.mark_due(at_end=True, now=0.0) == math.inf
    assert not pace.is_free
    pace.record_mark(Mark(0, math.inf))
    assert pace.is_free


def test_a_backlog_that_comes_after_the_end_waits_for_an_answer_of_its_own_time() -> None:
    pace = a_pace(partitions=1)
    pace.mark_due(at_end=True, now=0.0)
    pace.record_mark(Mark(0, math.inf))
    pace.applied(2_000.0)
    assert pace.mark_due(at_end=False, now=1.0) == 2_000.0
    pace.add(a_record(), 2_001.0 + A_MINUTE)
    assert pace.must_wait(), "the infinite answer is from before the backlog"
    pace.record_mark(Mark(0, 2_001.0))
    assert not pace.must_wait()


def test_a_partition_at_its_end_waits_for_another_that_is_behind() -> None:
    pace = a_pace(partitions=1)
    pace.mark_due(at_end=True, now=0.0)
    pace.record_mark(Mark(0, 1_500.0))
    pace.add(a_record(), 1_501.0 + A_MINUTE)
    assert pace.must_wait()


def test_an_empty_state_begins_with_its_first_block() -> None:
    pace = a_pace(-math.inf)
    assert pace.mark_due(at_end=False, now=0.0) is None
    pace.add(a_record(), 5_000.0)
    assert not pace.must_wait()
    assert pace.mark_due(at_end=False, now=0.0) == 5_000.0


@pytest.mark.parametrize(("reach", "due"), [(1_019.0, None), (1_020.0, 1_020.0)])
def test_a_partition_that_is_behind_sends_up_to_where_its_next_block_reaches_every_twenty_seconds(reach: float, due: float | None) -> None:
    pace = a_pace()
    assert pace.mark_due(at_end=False, now=0.0) == 1_000.0
    pace.add(a_record(), reach)
    pace.add(a_record(), 9_000.0)
    assert pace.mark_due(at_end=False, now=0.0) == due


def test_a_partition_at_its_end_holds_nobody_up_and_says_so_again_from_time_to_time() -> None:
    pace = a_pace()
    assert pace.mark_due(at_end=True, now=0.0) == math.inf
    assert pace.mark_due(at_end=True, now=MARK_AGAIN_SECONDS - 1) is None
    assert pace.mark_due(at_end=True, now=MARK_AGAIN_SECONDS) == math.inf
    assert pace.mark_due(at_end=False, now=MARK_AGAIN_SECONDS) == 1_000.0, "a backlog has come: it says how far it is"


def test_waiting_blocks_come_in_their_order_and_their_bytes_are_counted() -> None:
    pace = a_pace()
    records = [a_record(3), a_record(4)]
    for record in records:
        pace.add(record, 1_000.0)
    assert pace.waiting_bytes == 7 < MAX_WAITING_BYTES
    assert [pace.pop_next(), pace.pop_next()] == records
    assert pace.waiting_bytes == 0


def test_a_backlog_is_over_when_nothing_has_come_for_a_while_and_live_traffic_is_at_its_end_at_once() -> None:
    """A sender that pushes old events is slower than who reads them: at the end of the input there is more to come."""
    pace = a_pace()
    pace.came(1_000.0, arrival=1_001.0 + LIVE_SECONDS, now=0.0)
    assert pace.mark_due(at_end=True, now=0.0) == 1_000.0
    assert pace.mark_due(at_end=True, now=END_SECONDS - 1) is None
    assert pace.mark_due(at_end=True, now=END_SECONDS) == math.inf
    live = a_pace()
    live.came(1_000.0, arrival=1_000.0 + LIVE_SECONDS, now=0.0)
    assert live.mark_due(at_end=True, now=0.0) == math.inf


def test_old_events_that_are_pushed_wait_for_one_another_although_each_is_the_last_one_so_far() -> None:
    pace = a_pace(partitions=1)
    pace.mark_due(at_end=True, now=0.0)
    pace.record_mark(Mark(0, math.inf))
    assert pace.is_free
    pace.applied(2_000.0)
    pace.came(2_000.0, arrival=99_000.0, now=1.0)
    assert pace.mark_due(at_end=True, now=1.0) == 2_000.0
    assert not pace.is_free


@pytest.mark.parametrize(("age", "later", "due"), [(0.5, 1.0, None), (0.5, MARK_INTERVAL_SECONDS, 2_000.0), (60.0, 1.0, 2_000.0)])
def test_live_traffic_a_fetch_behind_the_end_still_holds_nobody_up(age: float, later: float, due: float | None) -> None:
    """Half a second old at its arrival and a second after the end; so long after it; and a minute old, which is a backlog of others."""
    pace = a_pace()
    pace.came(2_000.0, arrival=2_000.0 + age, now=0.0)
    pace.applied(2_000.0)
    assert pace.mark_due(at_end=True, now=0.0) == math.inf
    assert pace.mark_due(at_end=False, now=later) == due
