from __future__ import annotations

from typing import Any


def test_no_report_within_two_minutes_fires(ground: Any) -> None:
    ground.health("lag", 1, ago=150, agent="a", topic="t", partition="0")
    assert ground.told("heartbeat") == ["No worker of Hydrometer has reported for two minutes: nobody watches the traffic."]


def test_a_report_is_life(ground: Any) -> None:
    ground.health("lag", 1, ago=30, agent="a", topic="t", partition="0")
    assert ground.told("heartbeat") == []


def test_other_processes_do_not_stand_in_for_the_workers(ground: Any) -> None:
    ground.health("started", 1, process="collect")
    ground.health("started", 1, process="alerts")
    assert len(ground.told("heartbeat")) == 1
