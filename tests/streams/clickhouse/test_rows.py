from __future__ import annotations

import re

import numpy as np
import pytest

from streams.clickhouse import migrate, rows
from streams.clickhouse.rows import KafkaRecord, columns_of, insert_of, inserts, own_dead_letters, set_aside
from streams.schema import layouts, topics
from streams.schema import record as records
from streams.schema.cases import Alert, Case
from streams.schema.labels import Label
from streams.schema.reports import ArrivalCount, DeadLetterCount, HealthRow


def shadow(*times: float) -> bytes:
    size = len(times)
    columns = {"time": list(times), "entity_kind": ["account", "router"][:size], "entity_id": ["a", "b"][:size]}
    return layouts.SHADOW.encode(columns | {"detector": ["loda"] * size, "score": [0.5] * size})


def record(topic: str, value: bytes | None, **headers: bytes) -> KafkaRecord:
    return KafkaRecord(topic, 0, 0, 90.0, value, headers)


def test_blocks_are_joined_in_their_order_with_times_in_milliseconds() -> None:
    (insert,) = inserts(topics.SHADOW, [record(topics.SHADOW, shadow(1.0, 2.0)), record(topics.SHADOW, shadow(0.0015))])
    assert insert.table == "shadow_scores"
    assert insert.columns["time"].tolist() == [1000, 2000, 2]
    assert insert.columns["entity_kind"].tolist() == ["account", "router", "account"]


def test_a_block_of_a_time_that_is_unknown_is_one_dead_letter() -> None:
    (insert,) = inserts(topics.SHADOW, [record(topics.SHADOW, shadow(float("nan")))])
    assert (insert.table, insert.columns["reason"].tolist()) == ("dead_letters", ["layout"])


def test_an_empty_block_and_a_tombstone_are_no_rows() -> None:
    assert inserts(topics.SHADOW, [record(topics.SHADOW, shadow()), record(topics.SHADOW, None)]) == []


@pytest.mark.parametrize("topic", rows.STORED)
def test_a_record_whose_signature_is_refused_is_a_dead_letter_whatever_it_says(topic: str) -> None:
    [insert] = inserts(topic, [KafkaRecord(topic, 0, 7, 61.0, b"{}", {}, refused="bad_signature")])
    assert {name: column.tolist() for name, column in insert.columns.items()} == {
        "minute": [60], "source": [topic], "reason": ["bad_signature"], "count": [1],
    }  # fmt: skip


def test_a_dead_letter_belongs_to_its_minute_and_its_codes_are_cut_short() -> None:
    (insert,) = inserts(topics.DEAD_LETTERS, [record(topics.DEAD_LETTERS, b"", source=b"x" * 99, reason=b"\xff")])
    assert {name: column.tolist() for name, column in insert.columns.items()} == {
        "minute": [60],
        "source": ["x" * 64],
        "reason": ["\ufffd"],
        "count": [1],
    }


def test_our_own_dead_letters_are_told_from_those_of_collect() -> None:
    ours = set_aside(record(topics.REQUESTS, b""), "refused")
    (others,) = inserts(topics.DEAD_LETTERS, [record(topics.DEAD_LETTERS, b"", source=b"stdin", reason=b"not_json")])
    assert (own_dead_letters(ours), own_dead_letters(others)) == (1, 0)


def test_the_same_records_give_the_same_columns() -> None:
    first, again = (inserts(topics.SHADOW, [record(topics.SHADOW, shadow(1.0, 2.0))])[0] for _ in range(2))
    assert all(np.array_equal(first.columns[name], again.columns[name]) for name in first.columns)


def columns_in_sql(table: str) -> set[str]:
    """The names of a table's columns, as the migrations create it."""
    scripts = "\n".join(path.read_text() for path in sorted(migrate.FOLDER.glob("*.sql")))
    body = scripts.split(f"CREATE TABLE IF NOT EXISTS {table}\n(\n", 1)[1].split("\n)\n", 1)[0]
    added = re.findall(r"ADD COLUMN IF NOT EXISTS (\w+)", "".join(re.findall(rf"ALTER TABLE {table}\s(.*?);", scripts, re.DOTALL)))
    return set(re.findall(r"^    ([a-z_0-9]+) [A-Z]", body, re.MULTILINE)) - {"PROJECTION"} | set(added)


@pytest.mark.parametrize(
    ("table", "record_type"),
    [
        ("alerts", Alert),
        ("cases", Case),
        ("labels", Label),
        ("dead_letters", DeadLetterCount),
        ("arrivals", ArrivalCount),
        ("health", HealthRow),
    ],
)
def test_the_fields_of_a_record_are_the_columns_of_its_table(table: str, record_type: type[records.Record]) -> None:
    columns = columns_in_sql(table)
    assert set(columns_of(record_type)) == {name for name in columns if not name.startswith("sent_")}
    assert {column.name for column in columns_of(record_type).values()} <= columns


def test_a_row_of_health_has_milliseconds_and_its_labels_as_json() -> None:
    insert = insert_of("health", [HealthRow(1.5, "worker", "a", "lag", {"topic": "requests"}, 5.0)])
    assert {name: column.tolist() for name, column in insert.columns.items()} == {
        "time": [1500],
        "process": ["worker"],
        "instance": ["a"],
        "metric": ["lag"],
        "sent_labels": ['{"topic":"requests"}'],
        "value": [5.0],
    }


def test_every_column_of_a_requests_block_is_in_its_table() -> None:
    assert set(layouts.REQUESTS.columns) <= columns_in_sql("requests")
