"""Feeds are judged from what ClickHouse has: by any worker, from its first look on, and anew where rows come late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.telemetry.feed_silence import HISTORY_MINUTES, REMOVED_MINUTES, Feeds
from streams.telemetry.metrics import Metric, Registry

NOW = 1_795_262_400 // 60
"""A minute."""
WEEK = 10_080


class Arrivals:
    """What the table `arrivals` would answer, and how many minutes it was asked for."""

    def __init__(self, **feeds: range) -> None:
        self.busy = {feed: set(minutes) for feed, minutes in feeds.items()}
        self.asked: list[int] = []

    def query(self, _sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        since = (parameters or {})["since"] // 60
        self.asked.append(since)
        return [(feed, minute * 60) for feed, minutes in self.busy.items() for minute in sorted(minutes) if minute >= since]


def seconds(minute: int) -> float:
    """Return when a minute is over, and its rows have had their time."""
    return (minute + 1) * 60.0 + 30.0


def silent(metrics: Registry, feed: str) -> float:
    return metrics.value(Metric.FEED_SILENCE, feed=feed)


def spoken_of(metrics: Registry) -> set[str]:
    return {row.labels["feed"] for row in metrics.rows(0.0, "", "") if row.metric == "hydrometer_feed_silence"}


def test_a_feed_that_stopped_ten_minutes_ago_is_surprising_after_four_weeks_beside_one_that_goes_on() -> None:
    arrivals, metrics = Arrivals(http=range(NOW - 4 * WEEK, NOW - 10), topic=range(NOW - 4 * WEEK, NOW)), Registry()
    Feeds(arrivals, metrics).update(seconds(NOW - 1))
    assert silent(metrics, "http") == 10
    assert metrics.value(Metric.FEED_FALSE_ALERTS, feed="http") < 0.01
    assert metrics.value(Metric.FEED_FALSE_ALERTS, feed="topic") > 1
    assert metrics.value(Metric.FEED_NATS, feed="http") > 10 > metrics.value(Metric.FEED_NATS, feed="topic") == 0


def test_a_worker_that_just_started_says_what_one_says_that_watched_all_along() -> None:
    arrivals, old, new = Arrivals(http=range(NOW - WEEK, NOW)), Registry(), Registry()
    watcher = Feeds(arrivals, old)
    for minute in range(NOW - 120, NOW + 90, 7):
        watcher.update(seconds(minute))
    watcher.update(seconds(NOW + 90))
    Feeds(arrivals, new).update(seconds(NOW + 90))
    assert silent(old, "http") == silent(new, "http") == 91
    assert old.value(Metric.FEED_NATS, feed="http") == new.value(Metric.FEED_NATS, feed="http")


def test_rows_that_come_late_take_the_silence_back() -> None:
    arrivals, metrics = Arrivals(http=range(NOW - WEEK, NOW - 20)), Registry()
    feeds = Feeds(arrivals, metrics)
    feeds.update(seconds(NOW - 1))
    assert silent(metrics, "http") == 20
    arrivals.busy["http"] |= set(range(NOW - 20, NOW))
    feeds.update(seconds(NOW))
    assert silent(metrics, "http") == 1


def test_it_asks_once_a_minute_and_only_for_what_may_have_changed() -> None:
    arrivals = Arrivals(http=range(NOW - WEEK, NOW))
    feeds = Feeds(arrivals, Registry())
    for second in (0, 10, 20, 60):
        feeds.update(seconds(NOW) + second)
    assert arrivals.asked == [NOW + 1 - HISTORY_MINUTES, NOW + 1 - 60]


def test_a_minute_is_not_judged_before_its_rows_have_had_their_time() -> None:
    arrivals, metrics = Arrivals(http=range(NOW - WEEK, NOW)), Registry()
    Feeds(arrivals, metrics).update(seconds(NOW) - 1)
    assert silent(metrics, "http") == 0


def test_nobody_speaks_of_a_feed_that_was_taken_away() -> None:
    arrivals, metrics = Arrivals(http=range(NOW - WEEK, NOW)), Registry()
    feeds = Feeds(arrivals, metrics)
    feeds.update(seconds(NOW + REMOVED_MINUTES - 1))
    assert spoken_of(metrics) == {"http"}
    feeds.update(seconds(NOW + REMOVED_MINUTES))
    assert spoken_of(metrics) == set()


def test_a_feed_that_is_new_is_judged_from_its_first_minute() -> None:
    arrivals, metrics = Arrivals(http=range(NOW - 5, NOW)), Registry()
    feeds = Feeds(arrivals, metrics)
    feeds.update(seconds(NOW - 1))
    feeds.update(seconds(NOW + 200))
    assert silent(metrics, "http") == 201
    assert metrics.value(Metric.FEED_FALSE_ALERTS, feed="http") > 1


def test_a_table_without_rows_is_no_feed() -> None:
    metrics = Registry()
    Feeds(Arrivals(), metrics).update(seconds(NOW))
    assert spoken_of(metrics) == set()
