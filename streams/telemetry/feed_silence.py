"""Whether the silence of each feed is unusual in comparison with its own pauses.

Arrivals are read from the table `arrivals`, so this needs no state of its own: a worker that starts knows five weeks at once, all workers
have the same result, and it works while `collect` is down, which is the important case. The last hour is evaluated again at every update,
because rows may be late.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from typing import Final

from models.durations import MINUTE
from models.evidence.feed_silence import FeedSilenceModel, Silence
from streams.core.queries import Queries
from streams.telemetry.metrics import METRICS, Metric, Registry

MINUTE_SECONDS: Final = int(MINUTE)
GRACE_SECONDS: Final = 30.0
"""Time for the rows of a minute to arrive before it counts as silent; the store stage needs five seconds."""
OPEN_MINUTES: Final = 60
"""Recent minutes in which rows may still arrive."""
HISTORY_MINUTES: Final = 5 * 7 * 1440
"""Minutes of history that are read when a worker starts."""
REMOVED_MINUTES: Final = 3 * 1440
"""Minutes of silence from which a feed counts as removed, and has no metrics."""

_BUSY: Final = "SELECT feed, toUnixTimestamp(minute) FROM arrivals WHERE minute >= %(since)s GROUP BY feed, minute"


class Feeds:
    """The silence of each feed, minute by minute."""

    def __init__(self, clickhouse: Queries, metrics: Registry = METRICS) -> None:
        """Read from `clickhouse`, and set `metrics`."""
        self._clickhouse = clickhouse
        self._metrics = metrics
        self._known: dict[str, FeedSilenceModel] = {}
        self._settled = self._judged = 0
        """Minutes since 1970: all before the first are learned, all before the second judged."""

    def update(self, now: float) -> None:
        """Evaluate the minutes that ended since the last call, and set the feeds' metrics.

        Args:
            now: Seconds since 1970.

        Raises:
            StoreUnavailableError: If ClickHouse does not answer.
        """
        end = int((now - GRACE_SECONDS) // MINUTE_SECONDS)
        if end <= self._judged:
            return
        since = self._settled or end - HISTORY_MINUTES
        busy: dict[str, set[int]] = {}
        for feed, second in self._clickhouse.query(_BUSY, {"since": since * MINUTE_SECONDS}):
            busy.setdefault(feed, set()).add(second // MINUTE_SECONDS)
        self._judged, self._settled = end, max(since, end - OPEN_MINUTES)
        self._set_metrics({feed: self._measure(feed, busy.get(feed, set()), since) for feed in self._known.keys() | busy.keys()})

    def _measure(self, feed: str, busy: Collection[int], since: int) -> Silence:
        first = since if feed in self._known else min(busy)
        absence = self._known.get(feed, FeedSilenceModel())
        _pass(absence, busy, first, self._settled)
        if first < self._settled:
            self._known[feed] = absence
        today = deepcopy(absence)
        _pass(today, busy, max(first, self._settled), self._judged)
        return today.silence()

    def _set_metrics(self, silences: Mapping[str, Silence]) -> None:
        for metric in (Metric.FEED_SILENCE, Metric.FEED_NATS, Metric.FEED_FALSE_ALERTS):
            self._metrics.forget(metric)
        for feed, silence in silences.items():
            if silence.minutes <= REMOVED_MINUTES:
                self._metrics.set(Metric.FEED_SILENCE, silence.minutes, feed=feed)
                self._metrics.set(Metric.FEED_NATS, silence.nats, feed=feed)
                self._metrics.set(Metric.FEED_FALSE_ALERTS, silence.false_alerts, feed=feed)


def _pass(absence: FeedSilenceModel, busy: Collection[int], first: int, end: int) -> None:
    for minute in range(first, end):
        absence.watch(minute, busy=minute in busy)
