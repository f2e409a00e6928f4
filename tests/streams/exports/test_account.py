"""What a person gets who asks what is stored about their account: every row, and nothing about others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import orjson
import pytest

from streams.clickhouse import migrate
from streams.clickhouse.client import ClickHouse, connected
from streams.clickhouse.rows import KafkaRecord, inserts
from streams.exports.account import document
from streams.schema import layouts, topics
from streams.schema.cases import Case, CaseMember, CasePayload, Example
from streams.testing.builders import local_clickhouse

NOW: Final = float(int(time.time()) // 60 * 60)


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    folder: Path = tmp_path_factory.mktemp("account")
    with local_clickhouse(folder) as server:
        settings = server.settings()
        migrate.run(settings)
        with connected(settings) as client:
            fill(client)
            yield client


def fill(clickhouse: ClickHouse) -> None:
    columns: dict[str, Any] = {name: np.ones(2) for name in ("requests", "extraction", "routing")}
    columns |= {"time": [NOW, NOW - 60], "entity_kind": ["account", "account"], "entity_id": ["ada", "bob"]}
    columns |= {"families": np.zeros((2, 1)), "features": np.array([[0.25], [0.75]]), "nats": np.array([[1.5], [0.0]])}
    scores = layouts.SCORES.encode(columns, names={"families": ["content"], "features": ["fresh_questions"]})
    members = {name: CaseMember(NOW, None) for name in ("ada", "bob")}
    payload = CasePayload(members=members, example=Example("bob", []))
    case = Case("case-1", 1, NOW, NOW, "open", "extraction", "two accounts", 2, 1.0, 1.0, 9.0, 0.0, muted=False, payload=payload)
    since = msgspec.structs.replace(case, case_id="case-2", payload=msgspec.structs.replace(payload, lists_sha256="00"))
    for topic, value in ((topics.SCORES, scores), (topics.CASES, case.encode()), (topics.CASES, since.encode())):
        for insert in inserts(topic, [KafkaRecord(topic, 0, 0, NOW, value)]):
            clickhouse.insert(insert.table, insert.columns, token=repr(value))


def test_the_document_has_the_rows_of_every_table_and_features_with_their_meaning(clickhouse: ClickHouse) -> None:
    exported = orjson.loads(b"".join(document(clickhouse, "ada", datetime(2026, 5, 1, tzinfo=UTC))))
    assert (exported["account"], exported["exported_at"]) == ("ada", "2026-05-01T00:00:00+00:00")
    assert [row["entity_id"] for row in exported["tables"]["scores"]] == ["ada"]
    (feature,) = exported["features"]
    assert (feature["feature"], feature["value"], feature["nats"]) == ("fresh_questions", 0.25, 1.5)
    assert feature["means"]


def test_of_a_case_only_the_own_part_is_given(clickhouse: ClickHouse) -> None:
    text = b"".join(document(clickhouse, "ada", datetime(2026, 5, 1, tzinfo=UTC)))
    before, since = orjson.loads(text)["tables"]["cases"]
    assert (before["case_id"], since["case_id"]) == ("case-1", "case-2")
    assert before["payload"]["member"]["joined_at"] == NOW
    items = orjson.loads(text)["tables"]["case_items"]
    assert [(item["case_id"], item["name"], orjson.loads(item["value"])["joined_at"]) for item in items] == [
        ("case-1", "ada", NOW),
        ("case-2", "ada", NOW),
    ]
    assert b"bob" not in text


def test_an_account_that_nobody_knows_has_an_empty_document(clickhouse: ClickHouse) -> None:
    exported = orjson.loads(b"".join(document(clickhouse, "nobody", datetime(2026, 5, 1, tzinfo=UTC))))
    assert not any(exported["tables"].values())
    assert exported["features"] == []


def test_it_is_written_row_by_row(clickhouse: ClickHouse) -> None:
    assert len(list(document(clickhouse, "ada", datetime(2026, 5, 1, tzinfo=UTC)))) > 5
