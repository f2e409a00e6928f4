from __future__ import annotations

from typing import Any


def report(ground: Any, ago: float, value: float, instance: str = "w-1", agent: str = "accounts") -> None:
    ground.health("lag_unknown", value, ago, instance, agent=agent)


def test_a_lag_that_was_unknown_in_every_report_for_three_minutes_fires(ground: Any) -> None:
    for ago in (170, 100, 5):
        report(ground, ago, 1)
        report(ground, ago, 0, agent="groups")
    assert ground.summaries("lag_unknown") == ["w-1 cannot read how many records wait for accounts: does Kafka answer?"]


def test_a_rebalance_of_a_minute_is_ordinary(ground: Any) -> None:
    for ago, value in ((170, 0), (100, 1), (5, 1)):
        report(ground, ago, value)
    assert ground.summaries("lag_unknown") == []


def test_a_worker_that_started_a_minute_ago_has_time(ground: Any) -> None:
    for ago in (60, 5):
        report(ground, ago, 1)
    assert ground.summaries("lag_unknown") == []


def test_a_worker_that_is_gone_is_for_others_to_tell(ground: Any) -> None:
    for ago in (175, 120):
        report(ground, ago, 1)
    assert ground.summaries("lag_unknown") == []
