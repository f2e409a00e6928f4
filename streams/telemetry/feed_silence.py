"""The feeds, each judged by its own habits: is this silence one of its usual ones?

What arrived is read from the table `arrivals`, so whoever judges needs no state of its own: a worker that starts knows five weeks at once,
all workers say the same, and `collect` may be dead, which is the case that matters. The last hour is judged anew at each look, because
rows may come late.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from typing import Any, Final, Protocol

from models.evidence.feed_silence import Absence, Silence
from streams.telemetry.metrics import METRICS, Metric, Registry

MINUTE: Final = 60
GRACE: Final = 30.0
"""Seconds that the rows of a minute may take until it counts as silent; the store stage needs five."""
OPEN: Final = 60
"""Minutes back in which rows may still come."""
HISTORY: Final = 5 * 7 * 1440
"""Minutes that are read when a worker starts."""
AWAY: Final = 3 * 1440
"""Minutes of silence after which a feed was taken away, and is no longer spoken of."""

_BUSY: Final = "SELECT feed, toUnixTimestamp(minute) FROM arrivals WHERE minute >= %(since)s GROUP BY feed, minute"


class Asked(Protocol):
    """What is needed of ClickHouse (`streams.clickhouse.client.ClickHouse`)."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a statement."""


class Feeds:
    """How surprising the silence of each feed is, minute by minute."""

    def __init__(self, clickhouse: Asked, metrics: Registry = METRICS) -> None:
        """Read from `clickhouse`, and set `metrics`."""
        self._clickhouse = clickhouse
        self._metrics = metrics
        self._known: dict[str, Absence] = {}
        self._settled = self._judged = 0
        """Minutes since 1970: all before the first are learned, all before the second judged."""

    def look(self, now: float) -> None:
        """Judge the minutes that ended since the last look, and set a feed's metrics. `now` is in seconds since 1970.

        Raises StoreUnavailableError.
        """
        end = int((now - GRACE) // MINUTE)
        if end <= self._judged:
            return
        since = self._settled or end - HISTORY
        busy: dict[str, set[int]] = {}
        for feed, second in self._clickhouse.query(_BUSY, {"since": since * MINUTE}):
            busy.setdefault(feed, set()).add(second // MINUTE)
        self._judged, self._settled = end, max(since, end - OPEN)
        self._tell({feed: self._judge(feed, busy.get(feed, set()), since) for feed in self._known.keys() | busy.keys()})

    def _judge(self, feed: str, busy: Collection[int], since: int) -> Silence:
        first = since if feed in self._known else min(busy)
        absence = self._known.get(feed, Absence())
        _pass(absence, busy, first, self._settled)
        if first < self._settled:
            self._known[feed] = absence
        today = deepcopy(absence)
        _pass(today, busy, max(first, self._settled), self._judged)
        return today.silence()

    def _tell(self, found: Mapping[str, Silence]) -> None:
        for metric in (Metric.FEED_SILENCE, Metric.FEED_NATS, Metric.FEED_FALSE_ALERTS):
            self._metrics.forget(metric)
        for feed, silence in found.items():
            if silence.minutes <= AWAY:
                self._metrics.set(Metric.FEED_SILENCE, silence.minutes, feed=feed)
                self._metrics.set(Metric.FEED_NATS, silence.nats, feed=feed)
                self._metrics.set(Metric.FEED_FALSE_ALERTS, silence.false_alerts, feed=feed)


def _pass(absence: Absence, busy: Collection[int], first: int, end: int) -> None:
    for minute in range(first, end):
        absence.watch(minute, busy=minute in busy)
