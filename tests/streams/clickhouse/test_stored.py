"""From a record to a row in ClickHouse's own engine: what it becomes, and that it becomes it once."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from pydantic import SecretStr

from streams.clickhouse import migrate
from streams.clickhouse.batch_writer import Batcher, BatchWriter
from streams.clickhouse.client import ClickHouse
from streams.clickhouse.rows import KafkaRecord, insert_of
from streams.core.settings import Settings
from streams.devserver.process import LocalClickHouse
from streams.kafka.log_range import LogRecord
from streams.schema import layouts, topics
from streams.schema.reports import HealthRow
from streams.telemetry.feed_silence import Feeds
from streams.telemetry.metrics import Metric, Registry
from streams.testing.block_rows import Row, columns_of
from streams.testing.builders import local_clickhouse

MARKER = "the-secret-prompt"
NOW = float(int(time.time()) // 60 * 60)  # ClickHouse drops what has expired as it comes in


def request_block(*accounts: str, **known: Any) -> bytes:
    rows: list[Row] = [{"account_id": account, "time": NOW, "event_id": f"{account}-{number}"} for number, account in enumerate(accounts)]
    return layouts.REQUESTS.encode(columns_of(layouts.REQUESTS, rows) | known)


def score_block(names: list[str], values: list[list[float]], kind: str = "account") -> bytes:
    usual: Row = {"requests": 1.0, "extraction": 1.0, "routing": 1.0, "time": NOW, "entity_kind": kind, "families": [1.0, np.nan]}
    rows: list[Row] = [{"entity_id": f"e{row}", "features": row_of, "nats": np.array(row_of) / 2} for row, row_of in enumerate(values)]
    return layouts.SCORES.encode(columns_of(layouts.SCORES, rows, usual), names={"families": ["content", "timing"], "features": names})


def record(topic: str, offset: int, value: bytes | None, headers: Mapping[str, bytes] | None = None) -> KafkaRecord:
    return KafkaRecord(topic, 0, offset, NOW, value, headers or {})


def store(clickhouse: ClickHouse, offsets: int = 2) -> BatchWriter:
    return BatchWriter(clickhouse, threading.Event(), Batcher(offsets=offsets))


def write(clickhouse: ClickHouse, *records: KafkaRecord) -> None:
    stage = store(clickhouse, offsets=64)
    stage.apply(records, now=0)
    stage.due(now=99)


def test_every_column_of_a_requests_block_has_a_column_in_the_table(clickhouse: ClickHouse) -> None:
    kept = clickhouse.query(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'requests' AND default_kind != 'EPHEMERAL'"
    )
    assert {name for (name,) in kept} == set(layouts.REQUESTS.columns)


def test_what_is_unknown_is_null_in_numbers_empty_in_texts_and_zero_in_hashes(clickhouse: ClickHouse) -> None:
    write(clickhouse, record(topics.REQUESTS, 0, request_block("a")))
    unknown = "SELECT account_created, output_tokens, duration, streamed, user_agent, api_key, arrayUniq(shingles) FROM requests"
    assert clickhouse.query(unknown) == [(None, None, None, None, "", 0, 1)]


def test_what_is_known_arrives(clickhouse: ClickHouse) -> None:
    known = {
        "account_created": [1_000_000_000.5],
        "output_tokens": [7.0],
        "duration": [0.25],
        "streamed": [1.0],
        "seeded": [0.0],
        "user_agent": ["curl/8"],
        "api_key": np.array([2**64 - 1], np.uint64),
        "shingles": np.arange(8, dtype=np.uint64).reshape(1, 8),
        "time": [NOW + 0.125],
    }
    write(clickhouse, record(topics.REQUESTS, 0, request_block("a", **known)))
    rows = clickhouse.query("""
        SELECT toUnixTimestamp64Milli(time), account_created, output_tokens, duration, streamed, seeded, user_agent, api_key, shingles
        FROM requests
    """)
    created = datetime.fromtimestamp(1_000_000_000, UTC)
    assert rows == [(NOW * 1000 + 125, created, 7, 0.25, True, False, "curl/8", 2**64 - 1, list(range(8)))]


def test_scores_keep_what_is_known_under_its_name(clickhouse: ClickHouse) -> None:
    old, new = score_block(["a", "b"], [[1.0, np.nan], [0.0, 4.0]]), score_block(["b"], [[6.0]], kind="router")
    write(clickhouse, record(topics.SCORES, 0, old), record(topics.SCORES, 1, new))
    rows = clickhouse.query("SELECT entity_id, families, features, nats FROM scores ORDER BY entity_kind, entity_id")
    content = {"content": 1.0}
    assert rows == [
        ("e0", content, {"a": 1.0}, {"a": 0.5}),
        ("e1", content, {"a": 0.0, "b": 4.0}, {"a": 0.0, "b": 2.0}),
        ("e0", content, {"b": 6.0}, {"b": 3.0}),
    ]


def test_scores_without_any_feature_have_empty_maps(clickhouse: ClickHouse) -> None:
    write(clickhouse, record(topics.SCORES, 0, score_block([], [[]])))
    assert clickhouse.query("SELECT features, nats FROM scores") == [({}, {})]


def test_scores_whose_names_do_not_fit_are_set_aside(clickhouse: ClickHouse) -> None:
    write(clickhouse, record(topics.SCORES, 0, score_block(["a"], [[1.0, 2.0]])), record(topics.SCORES, 1, score_block(["a"], [[1.0]])))
    assert clickhouse.query("SELECT features FROM scores") == [({"a": 1.0},)]
    assert clickhouse.query("SELECT source, reason, count FROM dead_letters") == [("scores", "layout", 1)]


def test_detectors_on_trial_have_a_table_of_their_own(clickhouse: ClickHouse) -> None:
    columns = {"time": [NOW], "entity_kind": ["account"], "entity_id": ["a"], "detector": ["loda"], "score": [0.5]}
    write(clickhouse, record(topics.SHADOW, 0, layouts.SHADOW.encode(columns)))
    assert clickhouse.query("SELECT detector, entity_id, score FROM shadow_scores") == [("loda", "a", 0.5)]


def test_a_block_of_another_layout_and_a_truncated_one_are_counted_and_the_rest_is_stored(clickhouse: ClickHouse) -> None:
    good = request_block("a", "b")
    write(
        clickhouse, *(record(topics.REQUESTS, place, value) for place, value in enumerate([good, score_block(["a"], [[1.0]]), good[:99]]))
    )
    assert clickhouse.query("SELECT count() FROM requests") == [(2,)]
    assert clickhouse.query("SELECT source, reason, sum(count) FROM dead_letters GROUP BY ALL") == [("requests", "layout", 2)]


ALERT = {
    "alert_id": "A1",
    "time": NOW,
    "state": "open",
    "behaviour": "extraction",
    "entity_kind": "account",
    "entity_id": "a",
    "case_id": "C1",
    "evidence": 12.5,
    "false_alerts_per_day": 0.25,
    "summary": "many",
    "payload": {"why": ["x"]},
}
CASE = {
    "case_id": "C1",
    "version": 1,
    "opened_at": NOW,
    "updated_at": NOW,
    "state": "open",
    "behaviour": "extraction",
    "title": "t",
    "accounts": 3,
    "requests": 9.0,
    "output_tokens": 100.0,
    "extraction": 12.5,
    "routing": None,
    "muted": False,
    "payload": {},
}


def test_alerts_cases_and_labels_arrive(clickhouse: ClickHouse) -> None:
    write(clickhouse, record(topics.ALERTS, 0, orjson.dumps(ALERT)))
    write(
        clickhouse, record(topics.CASES, 0, orjson.dumps(CASE)), record(topics.CASES, 1, orjson.dumps(CASE | {"version": 2, "muted": True}))
    )
    label = {"label_id": "L", "time": NOW, "entity_kind": "account", "entity_id": "a"}
    write(clickhouse, record(topics.LABELS, 0, orjson.dumps(label | {"verdict": "benign", "author": "me", "note": "it's ours"})))
    alert = "SELECT toUnixTimestamp(time), case_id, evidence, false_alerts_per_day, payload FROM alerts"
    assert clickhouse.query(alert) == [(NOW, "C1", 12.5, 0.25, '{"why":["x"]}')]
    case = "SELECT case_id, version, muted, accounts, isNaN(routing), toUnixTimestamp(opened_at) FROM cases FINAL"
    assert clickhouse.query(case) == [("C1", 2, True, 3, 1, NOW)]
    assert clickhouse.query("SELECT toUnixTimestamp(time), verdict, note FROM labels") == [(NOW, "benign", "it's ours")]


@pytest.mark.parametrize(
    "change", [{"state": "closed"}, {"accounts": -1}, {"accounts": 2**32}, {"muted": 1}, {"version": "2"}, {"title": 5}]
)
def test_a_case_with_a_wrong_field_is_set_aside(clickhouse: ClickHouse, change: dict[str, object]) -> None:
    write(clickhouse, record(topics.CASES, 0, orjson.dumps(CASE | change)))
    assert clickhouse.query("SELECT count() FROM cases") == [(0,)]
    assert clickhouse.query("SELECT source, reason, count FROM dead_letters") == [("cases", "layout", 1)]


def test_dead_letters_are_counted_by_minute_source_and_reason(clickhouse: ClickHouse) -> None:
    headers = {"source": b"stdin", "reason": b"not_json", "detail": b"x", "position": b"7"}
    write(clickhouse, *(record(topics.DEAD_LETTERS, offset, b"{}", headers) for offset in range(3)), record(topics.DEAD_LETTERS, 3, b"{}"))
    rows = clickhouse.query("SELECT toUnixTimestamp(minute), source, reason, count FROM dead_letters ORDER BY source")
    assert rows == [(NOW, "stdin", "not_json", 3), (NOW, "unknown", "unknown", 1)]


def test_requests_are_counted_by_the_minute_in_which_they_were_sent_and_by_feed_once(clickhouse: ClickHouse) -> None:
    sent = [(0, b"http", "a"), (1, b"http", "b"), (2, b"stdin", "c")]
    records = [record(topics.REQUESTS, offset, request_block(name, name), {"source": feed}) for offset, feed, name in sent]
    write(clickhouse, *records, record(topics.REQUESTS, 3, b"no block", {"source": b"http"}))
    write(clickhouse, *records, record(topics.REQUESTS, 3, b"no block", {"source": b"http"}))  # after a crash
    rows = clickhouse.query("SELECT toUnixTimestamp(minute), feed, sum(events) FROM arrivals GROUP BY ALL ORDER BY feed")
    assert rows == [(NOW, "http", 4), (NOW, "stdin", 2)]


def test_a_feed_is_judged_from_the_table(clickhouse: ClickHouse) -> None:
    write(clickhouse, record(topics.REQUESTS, 0, request_block("a"), {"source": b"http"}))
    metrics = Registry()
    Feeds(clickhouse, metrics).update(NOW + 90 + 5 * 60)
    assert metrics.value(Metric.FEED_SILENCE, feed="http") == 5


def test_health_keeps_its_labels(clickhouse: ClickHouse) -> None:
    rows = insert_of("health", [HealthRow(NOW, "worker", "w1", "lag", {"topic": "requests"}, 5.0)]).columns
    clickhouse.insert("health", rows, "worker-w1-0")
    assert clickhouse.query("SELECT metric, labels, value FROM health") == [("lag", {"topic": "requests"}, 5.0)]


def test_no_text_of_a_message_reaches_a_table_unless_it_has_a_column(clickhouse: ClickHouse) -> None:
    loud = {"prompt": MARKER, "system_prompt": MARKER, "messages": [MARKER]}
    write(clickhouse, record(topics.ALERTS, 0, orjson.dumps(ALERT | loud)))
    write(clickhouse, record(topics.ALERTS, 0, orjson.dumps(ALERT | loud | {"state": MARKER})))
    write(clickhouse, record(topics.DEAD_LETTERS, 0, MARKER.encode(), {"reason": b"not_json", "source": b"s", "detail": MARKER.encode()}))
    write(clickhouse, record(topics.REQUESTS, 0, MARKER.encode()))
    tables = [name for (name,) in clickhouse.query("SELECT name FROM system.tables WHERE database = currentDatabase()")]
    assert len(tables) > 10
    for table in tables:
        columns = "request_model" if table == "usage_minute" else "toString(tuple(*))"  # states of uniq are no text
        rows = clickhouse.query(f"SELECT {columns} FROM {table}")  # noqa: S608 - names of our own
        assert MARKER not in str(rows), table


def test_no_column_is_named_after_a_text(clickhouse: ClickHouse) -> None:
    columns = clickhouse.query("SELECT name FROM system.columns WHERE database = currentDatabase()")
    assert [name for (name,) in columns if re.search(r"prompt|message(?!_count)|content|body(?!_shape)", name)] == []


def counted(clickhouse: ClickHouse) -> tuple[int, int, int]:
    """Return the requests, those of the per-minute table, and its output tokens."""
    requests = clickhouse.query("SELECT count() FROM requests")[0][0]
    usage = clickhouse.query("SELECT sum(requests), sum(output_tokens) FROM usage_minute")[0]
    return requests, *usage


def pairs(count: int) -> list[KafkaRecord]:
    return [record(topics.REQUESTS, offset, request_block(f"a{offset}", f"b{offset}", output_tokens=[1.0, 1.0])) for offset in range(count)]


def test_a_crash_after_the_insert_doubles_nothing_in_the_table_nor_in_the_view(clickhouse: ClickHouse) -> None:
    store(clickhouse).apply(pairs(6), now=0)  # dies before it acknowledges
    store(clickhouse).apply(pairs(6), now=0)
    assert counted(clickhouse) == (12, 12, 12)


def test_a_replay_after_a_batch_that_time_had_cut_doubles_nothing(clickhouse: ClickHouse) -> None:
    before = store(clickhouse, offsets=64)
    before.apply(pairs(3), now=0)
    before.due(now=99)
    after = store(clickhouse, offsets=64)
    after.apply(pairs(5), now=0)
    assert after.due(now=99) == {(topics.REQUESTS, 0): 4}
    assert counted(clickhouse) == (10, 10, 10)


def test_a_batch_over_midnight_is_repeated_without_doubles(clickhouse: ClickHouse) -> None:
    value = request_block("a", "b", time=[NOW - 86_400, NOW], output_tokens=[1.0, 1.0])
    for _ in range(2):
        write(clickhouse, record(topics.REQUESTS, 0, value))
    assert counted(clickhouse) == (2, 2, 2)


def test_a_batch_of_more_days_than_an_insert_may_span_by_default_is_stored(clickhouse: ClickHouse) -> None:
    clickhouse.query("ALTER TABLE requests REMOVE TTL")
    days = 120
    value = request_block(*(f"a{day}" for day in range(days)), time=NOW - 86_400 * np.arange(days))
    write(clickhouse, record(topics.REQUESTS, 0, value))
    assert clickhouse.query("SELECT count() FROM requests") == [(days,)]


def test_the_one_block_that_the_engine_refuses_is_set_aside_alone(clickhouse: ClickHouse) -> None:
    clickhouse.query("ALTER TABLE requests ADD CONSTRAINT no_evil CHECK account_id != 'evil'")
    good, evil = request_block("a"), request_block("evil")
    write(clickhouse, *(record(topics.REQUESTS, place, value) for place, value in enumerate([good, evil, request_block("b")])))
    assert clickhouse.query("SELECT account_id FROM requests ORDER BY account_id") == [("a",), ("b",)]
    assert clickhouse.query("SELECT source, reason, count FROM dead_letters") == [("requests", "refused", 1)]


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[LocalClickHouse]:
    with local_clickhouse(tmp_path) as running:
        yield running


def test_nothing_is_dropped_while_clickhouse_hangs_and_is_killed(mortal: LocalClickHouse, tmp_path: Path) -> None:
    settings = Settings(
        mode="local", clickhouse_port=mortal.port, clickhouse_user=mortal.user, clickhouse_password=SecretStr(mortal.password)
    )
    migrate.run(settings)
    first = ClickHouse(settings)
    store(first).apply(pairs(2), now=0)
    os.kill(mortal.pid, signal.SIGKILL)
    os.waitpid(mortal.pid, 0)
    stop = threading.Event()
    gateway = _Switch(first)
    result: dict[tuple[str, int], int] = {}
    stage = BatchWriter(gateway, stop, Batcher(offsets=2))
    thread = threading.Thread(target=lambda: result.update(stage.apply(pairs(6), now=0)), daemon=True)
    thread.start()
    thread.join(1.0)
    assert thread.is_alive()
    assert result == {}
    with local_clickhouse(tmp_path) as again:
        gateway.now = ClickHouse(settings.model_copy(update={"clickhouse_port": again.port}))
        thread.join(60.0)
        assert result == {(topics.REQUESTS, 0): 5}
        assert counted(gateway.now) == (12, 12, 12)


class _Switch:
    """The restarted server has another port."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self.now = clickhouse

    def insert(self, table: str, columns: Any, token: str) -> None:
        self.now.insert(table, columns, token)

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self.now.query(sql, parameters)


def test_an_event_that_stands_twice_in_the_topic_counts_once_in_every_table_also_for_a_new_owner(clickhouse: ClickHouse) -> None:
    first, again = request_block("a", "b", output_tokens=[7.0, 7.0]), request_block("a", "x", "c", output_tokens=[7.0, 7.0, 7.0])
    write(clickhouse, record(topics.REQUESTS, 0, first), record(topics.REQUESTS, 1, again))
    before = [LogRecord(0, None, first), LogRecord(1, None, again)]
    asked: list[tuple[str, int, int, int | None]] = []

    def read_range(topic: str, partition: int, first: int, last: int | None) -> list[LogRecord]:
        asked.append((topic, partition, first, last))
        return before

    owner = BatchWriter(clickhouse, threading.Event(), read_range=read_range)
    owner.apply([record(topics.REQUESTS, 2, again)], now=0)
    owner.due(now=99)
    assert asked == [(topics.REQUESTS, 0, 0, 1)]
    assert clickhouse.query("SELECT count(), uniqExact(account_id, event_id) FROM requests") == [(4, 4)]
    assert clickhouse.query("SELECT sum(requests) FROM usage_minute") == [(4,)]
    assert clickhouse.query("SELECT sum(events) FROM arrivals") == [(4,)]
