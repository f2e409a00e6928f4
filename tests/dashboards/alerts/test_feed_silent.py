from __future__ import annotations

from typing import Any


def test_a_silence_that_comes_once_in_a_thousand_days_fires_for_its_feed_alone(ground: Any) -> None:
    ground.health("feed_false_alerts", 0.001, feed="http")
    ground.health("feed_false_alerts", 3.0, feed="requests-raw")
    assert ground.summaries("feed_silent") == [
        "The feed http is silent for as long as a healthy feed once in 1000 days: attacks in it are not seen."
    ]


def test_a_feed_that_is_silent_as_every_night_is_left_alone(ground: Any) -> None:
    ground.health("feed_false_alerts", 0.7, feed="http")
    assert ground.summaries("feed_silent") == []


def test_the_newest_judgement_counts_whichever_worker_made_it(ground: Any) -> None:
    ground.health("feed_false_alerts", 0.001, ago=60, feed="http")
    ground.health("feed_false_alerts", 1440.0, ago=5, instance="w-2", feed="http")
    assert ground.summaries("feed_silent") == []


def test_nobody_speaks_for_a_feed_that_was_taken_away(ground: Any) -> None:
    ground.health("feed_false_alerts", 0.001, ago=600, feed="file")
    assert ground.summaries("feed_silent") == []
