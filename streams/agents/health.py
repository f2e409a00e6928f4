"""The health of a process, as rows of the table `health`, straight to ClickHouse.

Not through Kafka: when Kafka or an agent is stuck, on-call needs these rows most, and they are worth nothing later. A report that
ClickHouse does not take is lost, and the next one comes ten seconds later.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import orjson

from streams.errors import StoreUnavailableError
from streams.feeds import Feeds
from streams.metrics import METRICS, Row
from streams.settings import Settings
from streams.sinks.clickhouse import ClickHouse, Columns

_log = logging.getLogger(__name__)


def publisher(settings: Settings, process: str = "worker", *, feeds: bool = False) -> Callable[[], None]:
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
    time, process, instance, metric, labels, value = zip(*rows, strict=True)
    return {
        "time": np.array([round(each.timestamp() * 1_000) for each in time], np.int64),
        "process": np.array(process, object),
        "instance": np.array(instance, object),
        "metric": np.array(metric, object),
        "sent_labels": np.array([orjson.dumps(each).decode() for each in labels], object),
        "value": np.array(value, np.float64),
    }
