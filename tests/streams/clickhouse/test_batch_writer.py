"""The store stage against a model of ClickHouse that keeps rows, and forgets a batch whose token it knows."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import count, pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.clickhouse.batch_writer import Batcher, BatchWriter
from streams.clickhouse.client import Columns, RefusedRowsError, retrying
from streams.clickhouse.rows import KafkaRecord
from streams.core.errors import StoreUnavailableError
from streams.schema import blocks, topics
from streams.telemetry.metrics import METRICS, Metric
from streams.testing.feature_trial import block_of

PLACE = (topics.LABELS, 0)


class CrashError(Exception):
    """The worker dies here."""


class Model:
    """What ClickHouse promises: a claim or a batch with a known token changes nothing."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {table: [] for table in ("labels", "batches", "dead_letters", "requests", "arrivals")}
        self.refused: set[str] = set()
        self._tokens: set[tuple[str, str]] = set()
        self.before: Iterator[Exception | None] = iter(())
        self.after: Iterator[Exception | None] = iter(())

    def insert(self, table: str, columns: Columns, token: str) -> None:
        _raise(next(self.before, None))
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        if any(row.get("label_id") in self.refused for row in rows):
            raise RefusedRowsError(table, 53)
        if (table, token) not in self._tokens:
            self._tokens.add((table, token))
            self.rows[table] += rows
        _raise(next(self.after, None))

    def query(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        assert "FROM batches" in sql
        assert parameters is not None
        return [(row["last"],) for row in self.rows["batches"] if all(row[name] == value for name, value in parameters.items())]

    @property
    def labels(self) -> list[int]:
        return sorted(int(row["label_id"]) for row in self.rows["labels"])

    @property
    def ranges(self) -> list[tuple[int, int]]:
        return sorted((int(row["first"]), int(row["last"])) for row in self.rows["batches"])


def _raise(error: Exception | None) -> None:
    if error:
        raise error


def label(offset: int, **changes: object) -> KafkaRecord:
    message = {
        "label_id": str(offset),
        "time": 0,
        "entity_kind": "account",
        "entity_id": "a",
        "verdict": "benign",
        "author": "x",
        "note": "",
    }
    return KafkaRecord(*PLACE, offset, 0.0, orjson.dumps({**message, **changes}))


def store(model: Model, offsets: int = 4, seconds: float = 5.0) -> BatchWriter:
    return BatchWriter(model, threading.Event(), Batcher(offsets=offsets, seconds=seconds))


def test_a_batch_ends_at_a_multiple_of_the_offsets() -> None:
    model = Model()
    assert store(model).apply(map(label, range(6)), now=0) == {PLACE: 3}
    assert model.labels == [0, 1, 2, 3]


def test_a_batch_that_begins_between_two_multiples_ends_at_the_next() -> None:
    model = Model()
    assert store(model).apply(map(label, range(2, 9)), now=0) == {PLACE: 7}
    assert model.ranges == [(2, 3), (4, 7)]


def test_what_has_waited_long_enough_is_written_without_a_full_batch() -> None:
    model = Model()
    stage = store(model)
    assert stage.apply(map(label, range(2)), now=0) == {}
    assert stage.due(now=4.9) == {}
    assert stage.due(now=5.0) == {PLACE: 1}
    assert model.labels == [0, 1]


def test_a_replay_after_a_crash_cuts_where_the_time_had_cut_before() -> None:
    model = Model()
    before = store(model)
    before.apply(map(label, range(2)), now=0)
    before.due(now=5)  # stored, but the worker dies before it can acknowledge
    assert store(model).apply(map(label, range(4)), now=6) == {PLACE: 3}
    assert model.ranges == [(0, 1), (2, 3)]
    assert model.labels == [0, 1, 2, 3]


def test_a_replay_waits_for_all_of_a_range_that_was_claimed() -> None:
    model = Model()
    model.before = iter([None, CrashError()])  # dies between the claim and the rows
    with pytest.raises(CrashError):
        store(model).apply(map(label, range(4)), now=0)
    after = store(model)
    after.apply([label(0)], now=0)
    assert after.due(now=99) == {}
    assert after.apply(map(label, range(1, 4)), now=99) == {PLACE: 3}
    assert model.labels == [0, 1, 2, 3]


def test_a_topic_made_anew_repeats_offsets_and_loses_nothing() -> None:
    model = Model()
    store(model).apply(map(label, range(4)), now=0)
    store(model).apply([label(offset, label_id=str(offset + 100)) for offset in range(4)], now=0)
    assert model.labels == [0, 1, 2, 3, 100, 101, 102, 103]


def test_gaps_in_the_offsets_of_a_compacted_topic_are_no_hindrance() -> None:
    model = Model()
    assert store(model).apply(map(label, [0, 2, 9]), now=0) == {PLACE: 2}
    assert model.labels == [0, 2]


def test_a_replayed_offset_restarts_what_is_held() -> None:
    model = Model()
    stage = store(model)
    stage.apply(map(label, range(3)), now=0)
    assert stage.apply(map(label, range(4)), now=1) == {PLACE: 3}
    assert model.labels == [0, 1, 2, 3]


def test_a_revoked_partition_is_dropped_and_not_written() -> None:
    model = Model()
    stage = store(model)
    stage.apply([label(0)], now=0)
    stage.forget([PLACE])
    assert stage.due(now=99) == {}
    assert model.labels == []


def test_an_event_that_cannot_have_happened_when_it_says_so_becomes_no_row() -> None:
    model, now = Model(), 1_790_000_000.0
    times = [now, now - 60.0, now + 3 * 86_400.0, now - 4 * 365 * 86_400.0]
    block = block_of({"account_id": "ada", "event_id": [f"{time}" for time in times], "time": times})
    record = KafkaRecord(topics.REQUESTS, 0, 0, now, blocks.encode(block.batch))
    store(model, offsets=1).apply([record], now=0)
    assert len(model.rows["requests"]) == 2
    assert [row["events"] for row in model.rows["arrivals"]] == [2]


def test_a_message_that_cannot_be_read_is_counted_and_the_rest_goes_on() -> None:
    model = Model()
    stage = store(model)
    before = METRICS.value(Metric.BLOCKS_REFUSED, agent="store")
    torn = KafkaRecord(*PLACE, 1, 61.0, b'{"label_id": "1"')
    assert stage.apply([label(0), torn, label(2, verdict="guilty"), label(3)], now=0) == {PLACE: 3}
    assert model.labels == [0, 3]
    assert [(row["minute"], row["source"], row["reason"], row["count"]) for row in model.rows["dead_letters"]] == [
        (0, "labels", "layout", 1),
        (60, "labels", "layout", 1),
    ]
    assert METRICS.value(Metric.BLOCKS_REFUSED, agent="store") == before + 2


def test_the_one_record_that_clickhouse_refuses_is_set_aside_alone() -> None:
    model = Model()
    model.refused = {"2"}
    stage = store(model)
    assert stage.apply(map(label, range(4)), now=0) == {PLACE: 3}
    assert model.labels == [0, 1, 3]
    assert [(row["source"], row["reason"]) for row in model.rows["dead_letters"]] == [("labels", "refused")]


def test_tombstones_store_nothing_but_are_acknowledged() -> None:
    model = Model()
    assert store(model).apply([KafkaRecord(*PLACE, offset, 0.0, None) for offset in range(4)], now=0) == {PLACE: 3}
    assert model.labels == []


def test_clickhouse_away_is_tried_again_until_it_is_back() -> None:
    model = Model()
    model.before = iter([StoreUnavailableError("away"), StoreUnavailableError("away")])
    assert store(model).apply(map(label, range(4)), now=0) == {PLACE: 3}
    assert model.labels == [0, 1, 2, 3]


def test_a_stopping_worker_does_not_wait_for_clickhouse() -> None:
    stop = threading.Event()
    stop.set()

    def away() -> None:
        raise StoreUnavailableError("away")

    with pytest.raises(StoreUnavailableError):
        retrying(away, stop)


def test_a_store_that_was_stopped_while_clickhouse_was_away_still_holds_everything() -> None:
    model, stop = Model(), threading.Event()
    stage = BatchWriter(model, stop, Batcher(offsets=4))
    stop.set()
    for inserts_before in (0, 1):  # away at the claim, away at the rows
        model.before = iter([*[None] * inserts_before, StoreUnavailableError("away")])
        with pytest.raises(StoreUnavailableError):
            stage.apply(map(label, range(4)), now=0)
    stop.clear()
    assert stage.due(now=0) == {PLACE: 3}
    assert model.labels == [0, 1, 2, 3]


@given(st.integers(0, 2**32), st.integers(1, 8))
def test_every_row_is_stored_exactly_once_whatever_dies_when(seed: int, offsets: int) -> None:
    """Two workers own the partition at the same time, deliver in pieces, time out and die before or after any insert."""
    chance = random.Random(seed)
    model = Model()
    model.before = (CrashError() if chance.random() < 0.1 else None for _ in count())
    model.after = (CrashError() if chance.random() < 0.1 else None for _ in count())
    log = [label(offset) for offset in range(20)]
    acknowledged = -1
    workers = [(store(model, offsets), 0), (store(model, offsets), 0)]
    now = 0.0
    while acknowledged < len(log) - 1:
        which = chance.randrange(2)
        stage, position = workers[which]
        now += chance.choice([0.0, 1.0, 6.0])
        piece = log[position : position + chance.randrange(4)]
        try:
            stored = {**stage.apply(piece, now), **stage.due(now)}
        except CrashError:
            workers[which] = (store(model, chance.randint(1, 8)), acknowledged + 1)
            continue
        workers[which] = (stage, position + len(piece))
        if chance.random() < 0.8:  # some acknowledgements are lost
            acknowledged = max(acknowledged, stored.get(PLACE, -1))
        elif position + len(piece) >= len(log):
            workers[which] = (store(model, offsets), acknowledged + 1)
    assert Counter(model.labels) == Counter(range(20))
    assert all(later[0] == earlier[1] + 1 for earlier, later in pairwise(model.ranges))
