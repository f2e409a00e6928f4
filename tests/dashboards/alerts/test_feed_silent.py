from __future__ import annotations

from typing import Any


def test_sixteen_minutes_without_an_event_fire(ground: Any) -> None:
    ground.usage(100, ago=7200)
    ground.usage(5, ago=960)
    (told,) = ground.told("feed_silent")
    assert told.startswith("The newest event of the feed requests is 96")


def test_a_feed_that_runs_is_silent(ground: Any) -> None:
    ground.usage(100, ago=300)
    assert ground.told("feed_silent") == []


def test_a_feed_that_ended_days_ago_was_taken_away(ground: Any) -> None:
    ground.usage(100, ago=3 * 86400)
    assert ground.told("feed_silent") == []
