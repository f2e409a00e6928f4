"""Health reports of a process: rows of the table `health` every ten seconds, and the same numbers for Prometheus over HTTP.

The rows go straight to ClickHouse, not through Kafka: when Kafka or an agent is stuck, on-call needs these rows most, and late rows are
useless. A report that ClickHouse rejects is lost; the next one follows ten seconds later.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from streams.clickhouse.client import ClickHouse
from streams.clickhouse.rows import insert_of
from streams.core.errors import HydrometerError, StoreUnavailableError
from streams.core.loopback import check_host
from streams.core.settings import MissingSecret, Settings
from streams.telemetry.feed_silence import Feeds
from streams.telemetry.metrics import METRICS, Metric
from streams.telemetry.prometheus import listening

REPORT_INTERVAL_SECONDS: Final = 10.0
"""Time between two reports."""
LAST_REPORT_SECONDS = 5.0

Publish = Callable[[], None]
"""Writes the metrics of this process; may raise HydrometerError, which loses one report."""

_log = logging.getLogger(__name__)


@contextmanager
def report_health(settings: Settings, process: str, interval_seconds: float = REPORT_INTERVAL_SECONDS) -> Iterator[None]:
    """Report health under this process name while the context lasts: over HTTP, and to ClickHouse when its password is set.

    It reports once more at the end, even after an error: a blown fuse is the last report.
    """
    with ExitStack() as running:
        running.enter_context(served(settings))
        if not isinstance(settings.clickhouse_password, MissingSecret):
            running.enter_context(reporting(publisher(settings, process), interval_seconds))
        yield


@contextmanager
def served(settings: Settings) -> Iterator[None]:
    """Serve the metrics of this process on the configured port; without metrics, and with a warning, when the port is taken."""
    METRICS.set(Metric.STARTED, time.time())
    with ExitStack() as running:
        if settings.metrics_port:
            check_host(settings, settings.metrics_host)
            try:
                running.enter_context(listening(settings.metrics_host, settings.metrics_port))
            except OSError as error:
                where = f"{settings.metrics_host}:{settings.metrics_port}"
                _log.warning("no metrics on %s (%s): set HYDROMETER_METRICS_PORT to a free port, or to 0", where, error.strerror)
        yield


@contextmanager
def reporting(publish: Publish, interval_seconds: float = REPORT_INTERVAL_SECONDS) -> Iterator[None]:
    """Publish every `interval_seconds` from a daemon thread, and once more at the end.

    A hanging ClickHouse delays only its reports: the end of the context waits LAST_REPORT_SECONDS at most.
    """
    stop = threading.Event()

    def report() -> None:
        while not stop.wait(interval_seconds):
            publish_once(publish)
        publish_once(publish)

    thread = threading.Thread(target=report, name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=LAST_REPORT_SECONDS)


def publish_once(publish: Publish) -> None:
    """Publish once; a failure is logged, and the report is lost."""
    try:
        publish()
    except HydrometerError as error:
        _log.warning("this health report is lost: %s", error)


def publisher(settings: Settings, process: str = "worker", *, feeds: bool = False) -> Publish:
    """Return a function that writes this process's metrics to ClickHouse; it raises StoreUnavailableError.

    With `feeds` it also computes from stored arrivals how surprising the silence of each feed is.
    """
    gateway = ClickHouse(settings)
    feed_silence = Feeds(gateway) if feeds else None
    instance = f"{socket.gethostname()}-{os.getpid()}"

    def publish() -> None:
        now = time.time()
        if feed_silence is not None:
            _update_feeds(feed_silence, now)
        rows = METRICS.rows(now, process, instance)
        if rows:
            gateway.insert("health", insert_of("health", rows).columns, f"health-{instance}-{now:.3f}")

    return publish


def _update_feeds(feed_silence: Feeds, now: float) -> None:
    try:
        feed_silence.update(now)
    except StoreUnavailableError as error:
        _log.warning("the silence of feeds is not updated: %s", error)
