"""How a process tells of itself: rows of the table `health` every ten seconds, and the same numbers to Prometheus over HTTP.

The rows go straight to ClickHouse, not through Kafka: when Kafka or an agent is stuck, on-call needs these rows most, and they are worth
nothing later. A report that ClickHouse does not take is lost, and the next one comes ten seconds later.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Final

import numpy as np
import orjson

from streams.clickhouse.client import ClickHouse, Columns
from streams.core.errors import HydrometerError, StoreUnavailableError
from streams.core.settings import MissingSecret, Settings
from streams.telemetry.feed_silence import Feeds
from streams.telemetry.metrics import METRICS, Metric, Row
from streams.telemetry.prometheus import listening

REPORT: Final = 10.0
"""Seconds between two reports."""
LAST_REPORT_SECONDS = 2.0

Publish = Callable[[], None]
"""Writes the metrics of this process somewhere; may raise HydrometerError, which loses one report."""

_log = logging.getLogger(__name__)


@contextmanager
def told(settings: Settings, process: str, every: float = REPORT) -> Iterator[None]:
    """While the process works, tell of it under this name: over HTTP, and to ClickHouse when the settings hold its password.

    It reports once more when the work ends, however it ends: a blown fuse is the last thing to be told.
    """
    with ExitStack() as running:
        running.enter_context(served(settings))
        if not isinstance(settings.clickhouse_password, MissingSecret):
            running.enter_context(reporting(publisher(settings, process), every))
        yield


@contextmanager
def served(settings: Settings) -> Iterator[None]:
    """Serve the metrics of this process on the port of the settings; the work goes on without when the port cannot be had."""
    METRICS.set(Metric.STARTED, time.time())
    with ExitStack() as running:
        if settings.metrics_port:
            try:
                running.enter_context(listening(settings.metrics_host, settings.metrics_port))
            except OSError as error:
                where = f"{settings.metrics_host}:{settings.metrics_port}"
                _log.warning("no metrics on %s (%s): set HYDROMETER_METRICS_PORT to a free port, or to 0", where, error.strerror)
        yield


@contextmanager
def reporting(publish: Publish, every: float = REPORT) -> Iterator[None]:
    """Publish every so many seconds from a thread that nobody waits for, and once more at the end.

    A ClickHouse that hangs delays its own reports alone: the end of the context waits LAST_REPORT_SECONDS at most.
    """
    stop = threading.Event()

    def report() -> None:
        while not stop.wait(every):
            tell(publish)
        tell(publish)

    thread = threading.Thread(target=report, name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=LAST_REPORT_SECONDS)


def tell(publish: Publish) -> None:
    """Publish once. A report that is lost is logged, and nothing else."""
    try:
        publish()
    except HydrometerError as error:
        _log.warning("this report of health is lost: %s", error)


def publisher(settings: Settings, process: str = "worker", *, feeds: bool = False) -> Publish:
    """Return a function that writes this process's metrics to ClickHouse; it raises StoreUnavailableError when that is away.

    With `feeds` it also judges, from what ClickHouse has, how surprising the silence of each feed is.
    """
    gateway = ClickHouse(settings)
    watched = Feeds(gateway) if feeds else None
    instance = f"{socket.gethostname()}-{os.getpid()}"

    def publish() -> None:
        now = datetime.now(UTC)
        if watched is not None:
            _look(watched, now.timestamp())
        rows = METRICS.rows(now, process, instance)
        if rows:
            gateway.insert("health", columns(rows), f"health-{instance}-{now.timestamp():.3f}")

    return publish


def _look(watched: Feeds, now: float) -> None:
    try:
        watched.look(now)
    except StoreUnavailableError as error:
        _log.warning("the feeds are not judged: %s", error)


def columns(rows: list[Row]) -> Columns:
    """Return rows of health as columns: time in milliseconds, labels as JSON."""
    moments, process, instance, metric, labels, value = zip(*rows, strict=True)
    return {
        "time": np.array([round(each.timestamp() * 1_000) for each in moments], np.int64),
        "process": np.array(process, object),
        "instance": np.array(instance, object),
        "metric": np.array(metric, object),
        "sent_labels": np.array([orjson.dumps(each).decode() for each in labels], object),
        "value": np.array(value, np.float64),
    }
