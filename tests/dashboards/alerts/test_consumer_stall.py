from __future__ import annotations

from typing import Any

PLACE = {"agent": "accounts", "topic": "requests", "partition": "0"}


def report(ground: Any, ago: float, position: float, lag: float, instance: str = "w-1") -> None:
    ground.health("position", position, ago, instance, **PLACE)
    ground.health("lag", lag, ago, instance, **PLACE)


def test_waiting_records_and_a_position_that_stands_still_fire(ground: Any) -> None:
    for ago in (320, 200, 5):
        report(ground, ago, position=7, lag=3)
    assert ground.summaries("consumer_stall") == ["The agent accounts is stuck on requests/0 with 3 records waiting."]


def test_a_long_queue_that_moves_is_no_stall(ground: Any) -> None:
    for ago, position in ((320, 7), (200, 8), (5, 9)):
        report(ground, ago, position, lag=1000)
    assert ground.summaries("consumer_stall") == []


def test_nothing_to_do_is_no_stall(ground: Any) -> None:
    for ago in (320, 200, 5):
        report(ground, ago, position=7, lag=0)
    assert ground.summaries("consumer_stall") == []


def test_a_worker_that_lost_the_partition_does_not_speak_for_it(ground: Any) -> None:
    for ago in (320, 200, 5):
        report(ground, ago, position=7, lag=3, instance="was")
        report(ground, ago, position=9, lag=0, instance="owns")
    assert ground.summaries("consumer_stall") == []


def test_a_worker_that_started_a_minute_ago_has_time(ground: Any) -> None:
    for ago in (60, 5):
        report(ground, ago, position=-1, lag=3)
    assert ground.summaries("consumer_stall") == []
