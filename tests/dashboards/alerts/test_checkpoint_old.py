from __future__ import annotations

from typing import Any


def test_changes_that_are_not_durable_for_five_minutes_fire(ground: Any) -> None:
    ground.health("checkpoint_seconds", 420, agent="accounts", partition="1")
    ground.health("checkpoint_seconds", 60, agent="accounts", partition="2")
    assert ground.summaries("checkpoint_old") == ["The state of accounts, partition 1, was last made durable 420 s ago."]


def test_the_newest_report_counts(ground: Any) -> None:
    ground.health("checkpoint_seconds", 420, ago=30, agent="accounts", partition="1")
    ground.health("checkpoint_seconds", 2, ago=5, agent="accounts", partition="1")
    assert ground.summaries("checkpoint_old") == []
