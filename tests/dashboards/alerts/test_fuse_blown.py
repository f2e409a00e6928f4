from __future__ import annotations

from typing import Any


def test_a_blown_fuse_fires_for_the_instance_that_paused_a_source(ground: Any) -> None:
    ground.health("fuse_blown", 0, ago=60, instance="gate-7")
    ground.health("fuse_blown", 1, ago=30, instance="gate-7")
    ground.health("fuse_blown", 0, instance="gate-8")
    assert ground.summaries("fuse_blown") == [
        "gate-7 has paused a source, because too many of its lines are refused: check the format of its log."
    ]


def test_a_quarter_of_an_hour_later_it_is_for_others_to_say(ground: Any) -> None:
    ground.health("fuse_blown", 1, ago=900)
    assert ground.summaries("fuse_blown") == []
