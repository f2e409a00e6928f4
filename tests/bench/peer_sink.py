"""What all peers have in common: what they are started with, how they fetch, and how they write their rows.

Rows are gathered, and inserted as columns by a thread once a second, as ClickHouse's documentation advises.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections import deque
from typing import Any, NamedTuple

import numpy as np
from clickhouse_driver import Client
from job import Row

FLUSH_SECONDS = 1.0
"""Between two inserts. More often costs more CPU an event where events are few, more seldom makes rows later."""
FETCH = {"fetch.min.bytes": "1000000", "fetch.wait.max.ms": "100"}
"""Of librdkafka, which all peers use: the broker answers when a megabyte is there, or after a tenth of a second, and not at each record."""
COLUMNS = ("event_id", "account_id", "time", "tokens_mean", "tokens_variance", "gap_mean", "gap_variance", "score")
TABLE = """
CREATE TABLE {table}
(
    event_id String, account_id String, time DateTime64(3, 'UTC'), tokens_mean Float64, tokens_variance Float64,
    gap_mean Float64, gap_variance Float64, score Float64, taken DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree PARTITION BY toDate(time) ORDER BY (account_id, time, event_id)
"""
"""As `requests` is, with the peers' columns; `taken` is when ClickHouse took the row."""


class Arguments(NamedTuple):
    """What every peer is started with."""

    bootstrap: str
    topic: str
    table: str
    port: int
    user: str
    password: str


def arguments() -> Arguments:
    """Read the command line."""
    bootstrap, topic, table, port, user, password = sys.argv[1:7]
    return Arguments(bootstrap, topic, table, int(port), user, password)


class Sink:
    """Rows that wait, and the thread that inserts them. `put` may be called from any thread."""

    def __init__(self, to: Arguments, pause_seconds: float = FLUSH_SECONDS) -> None:
        """Start the thread, which ends the process when ClickHouse refuses a row."""
        self._waiting: deque[Row] = deque()
        self.put = self._waiting.append
        self.put_all = self._waiting.extend
        self._statement = f"INSERT INTO {to.table} ({', '.join(COLUMNS)}) VALUES"
        self._client = Client(
            "127.0.0.1", to.port, user=to.user, password=to.password, database="hydrometer", settings={"use_numpy": True}, compression="lz4"
        )
        self._pause = pause_seconds
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            while True:
                time.sleep(self._pause)
                if self._waiting:
                    self._client.execute(self._statement, columns(self._taken()), columnar=True)
        except BaseException:  # noqa: BLE001 - without rows nothing is measured: the process ends, and its log says why
            traceback.print_exc()
            os._exit(1)

    def _taken(self) -> list[Row]:
        return [self._waiting.popleft() for _ in range(len(self._waiting))]


def columns(rows: list[Row]) -> list[Any]:
    """Return rows as the arrays that the client sends without looking at each value."""
    events, accounts, times, *numbers = zip(*rows, strict=True)
    instants = (np.array(times) * 1_000).astype("datetime64[ms]")
    return [np.array(events, object), np.array(accounts, object), instants, *(np.array(each, np.float64) for each in numbers)]
