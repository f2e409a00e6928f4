"""Tables without a broker: what a broker would keep of their changelog is a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faust
import pytest
from faust.types import TP

from streams.core.settings import Settings
from streams.kafka.log_range import LogRecord
from streams.worker.app import make_app
from streams.worker.table import ChunkTable

KEY = b"the seal key of these tests"
CHANGELOG = "hydrometer-accounts-state-changelog"


class LogTable(ChunkTable):
    """A table whose changelog is a list that several tables share, as several workers share a topic."""

    def __init__(self, app: faust.App, log: list[LogRecord], **options: Any) -> None:
        super().__init__(app, seal_key=KEY, read_range=self._between, **options)
        self.history = log
        self.recovered = -1

    def catch_up(self, *, to: int | None = None) -> None:
        """Read the changelog from where the last recovery or write ended, as Faust does."""
        end = len(self.history) if to is None else to
        self.apply_changelog_batch([as_event(record) for record in self.history[self.recovered + 1 : end]])
        self.recovered = end - 1

    def _between(self, _topic: str, _partition: int, first: int, last: int | None) -> list[LogRecord]:
        return self.history[first : None if last is None else last + 1]

    def _recovered_to(self, _place: TP) -> int:
        return self.recovered

    async def _confirmed(self, _partition: int, pairs: Sequence[tuple[bytes, bytes | None]]) -> list[int]:
        first = len(self.history)
        self.history += [LogRecord(first + turn, *pair) for turn, pair in enumerate(pairs)]
        return list(range(first, len(self.history)))


def as_event(record: LogRecord, partition: int = 0) -> Any:
    """Return a record of the changelog as Faust's recovery hands it over."""
    return ChunkTable.as_event(TP(CHANGELOG, partition), record)


MakeTable = Callable[[], LogTable]


@pytest.fixture
def make_table(tmp_path: Path) -> MakeTable:
    """Make the tables of several workers on one changelog."""
    log: list[LogRecord] = []

    def make() -> LogTable:
        app = make_app(Settings(mode="local", state_dir=tmp_path), "accounts")
        return LogTable(app, log, name="state", partitions=4, key_type=bytes, value_type=bytes)

    return make


@pytest.fixture
def table(make_table: MakeTable) -> LogTable:
    return make_table()
