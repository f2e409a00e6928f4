from __future__ import annotations

from typing import Any


def test_no_report_within_two_minutes_fires(ground: Any) -> None:
    ground.health("lag", 1, ago=150, agent="a", topic="t", partition="0")
    assert ground.summaries("heartbeat") == ["No worker of Hydrometer has reported for two minutes: the traffic is not monitored."]


def test_a_report_is_life(ground: Any) -> None:
    ground.health("lag", 1, ago=30, agent="a", topic="t", partition="0")
    assert ground.summaries("heartbeat") == []


def test_other_processes_do_not_stand_in_for_the_workers(ground: Any) -> None:
    ground.health("started", 1, process="collect")
    ground.health("started", 1, process="alerts")
    assert len(ground.summaries("heartbeat")) == 1
