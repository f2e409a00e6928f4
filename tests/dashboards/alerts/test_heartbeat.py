from __future__ import annotations

from typing import Any


def test_no_report_within_two_minutes_fires(ground: Any) -> None:
    ground.health("lag", 1, ago=150, agent="a", topic="t", partition="0")
    assert ground.told("heartbeat") == ["No process of Hydrometer has reported for two minutes: nobody watches the traffic."]


def test_a_report_is_life(ground: Any) -> None:
    ground.health("lag", 1, ago=30, agent="a", topic="t", partition="0")
    assert ground.told("heartbeat") == []
