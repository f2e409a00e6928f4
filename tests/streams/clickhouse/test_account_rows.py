"""Rows about one account are found in every table that can have them, deleted, and kept where a case is held."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec
import orjson
import pytest

from streams.clickhouse.account_rows import CONDITIONS, AccountRows, tables
from streams.clickhouse.client import ClickHouse
from streams.clickhouse.rows import KafkaRecord, inserts
from streams.enforcement.decided import decisions
from streams.schema.actions import Action, EnforcementDecision, EnforcementPayload
from streams.schema.cases import Alert, AlertPayload, Case, CaseMember, CasePayload, Example, Link, ScoredEntity
from streams.schema.labels import Label, label_id

NOW: Final = float(int(time.time()) // 60 * 60)
ODD: Final = 'ada\'s "id" \\ of, üñ'
"""An id with everything that SQL and JSON quote."""
WITHOUT_ACCOUNTS: Final = {
    "arrivals": "counts by feed",
    "batches": "offsets of topics",
    "dead_letters": "counts by reason",
    "health": "measurements of our own processes",
    "migrations": "names of our files",
    "usage_minute": "counts by model, with a sketch of how many accounts",
}
"""Tables that have no row about an account, and what they have instead."""


def insert(clickhouse: ClickHouse, table: str, **columns: Any) -> None:
    clickhouse.insert(table, {name: [value] for name, value in columns.items()}, token=f"{table} {columns}")


def entity(kind: str, name: str) -> dict[str, str | int]:
    return {"entity_kind": kind, "entity_id": name, "time": round(NOW * 1000)}


def case(case_id: str, version: int, *members: str, key: str = "payment:00000000000000aa", example: str | None = None) -> Case:
    payload = CasePayload(
        members={member: CaseMember(NOW, None) for member in members},
        entities=[ScoredEntity(key, 9.0, 0.0)],
        links=[Link(f"extraction:{key}", NOW, "", None)],
        example=Example(example, []) if example else None,
    )
    return Case(case_id, version, NOW, NOW, "open", "extraction", "t", 1, 1.0, 1.0, 9.0, 0.0, muted=False, payload=payload)


def decision(account: str) -> EnforcementDecision:
    times = {"time": NOW, "starts": NOW, "expires": NOW + 60.0}
    words = {"step": "L2", "measure": "hide_reasoning", "clause": "", "reason": "r", "author": "eva", "approver": "eva"}
    about = {"case_id": "case-9", "payload": {"members": {account: []}}, "rate": 0.0}
    return msgspec.convert(
        {"decision_id": f"{hash(account) % 16**16:016x}", "state": "approved", **times, **words, **about}, EnforcementDecision
    )


def fill(clickhouse: ClickHouse, account: str) -> None:
    """Store one row about an account in every table, and others about nobody or bob."""
    for name in (account, "bob", f"{account}x"):
        insert(clickhouse, "requests", account_id=name, time=round(NOW * 1000), event_id=name)
        for table in ("scores", "shadow_scores"):
            insert(clickhouse, table, **entity("account", name))
        insert(clickhouse, "scores", **entity("router", name))  # of that name, and no account
        alert = Alert(
            f"extraction:account:{name}", NOW, "open", "extraction", "account", name, f"case-of-{name}", 9.0, 0.1, "s", AlertPayload()
        )
        put(clickhouse, "alerts", alert)
        put(clickhouse, "labels", Label(label_id("account", name, "eva"), NOW, "account", name, "benign", "eva"))
        put(clickhouse, "actions", Action(f"{hash(name) % 16**16:032x}", NOW, "case-9", "comment", "eva", "analyst", account_id=name))
        put(clickhouse, "enforcement", decision(name))
        put(clickhouse, "cases", case(f"case-of-{name}", 1, key=f"account:{name}"))
    put(clickhouse, "labels", Label("split", NOW, "link", f"case-1/account:{account}", "split", "eva"))
    put(clickhouse, "cases", case("case-1", 1, account, "bob"))
    put(clickhouse, "cases", case("case-2", 1, "bob", example=account))


def put(clickhouse: ClickHouse, topic: str, record: Any) -> None:
    """Store a record as the store stage does."""
    for insert in inserts(topic, [KafkaRecord(topic, 0, 0, NOW, record.encode())]):
        clickhouse.insert(insert.table, insert.columns, token=repr(record))


@pytest.mark.parametrize("account", ["ada", ODD, "%", "1"])
def test_every_row_about_the_account_is_deleted_and_no_other(clickhouse: ClickHouse, account: str) -> None:
    fill(clickhouse, account)
    before = AccountRows(clickhouse, "bob").counts()
    rows = AccountRows(clickhouse, account)
    held = {
        "requests": 1,
        "scores": 1,
        "shadow_scores": 1,
        "alerts": 1,
        "labels": 2,
        "cases": 3,
        "case_items": 3,
        "actions": 1,
        "enforcement": 1,
    }
    assert rows.counts() == held
    assert sorted(rows.label_ids()) == sorted([label_id("account", account, "eva"), "split"])
    assert rows.delete(wait_seconds=60) == held
    assert not any(rows.counts().values())
    # case-1 has a member less in the version that a worker sends, and its row of before is gone
    assert AccountRows(clickhouse, "bob").counts() == before | {"cases": before["cases"] - 2}
    assert AccountRows(clickhouse, f"{account}x").counts() == dict.fromkeys(before, 1) | {"case_items": 2}


@pytest.mark.parametrize("account", ["ada", ODD])
def test_a_decision_about_several_stays_for_the_others(clickhouse: ClickHouse, account: str) -> None:
    several = msgspec.structs.replace(decision("several"), payload=EnforcementPayload({account: ["k"], "bob/7": ["l'\\"], "eve": []}))
    put(clickhouse, "enforcement", several)
    put(clickhouse, "enforcement", decision(account))
    assert AccountRows(clickhouse, account).delete(wait_seconds=60) == {"enforcement": 2}
    assert [found.payload.members for found in decisions(clickhouse)] == [{"bob/7": ["l'\\"], "eve": []}]
    assert EnforcementPayload.__struct_fields__ == ("members",), "the erasure writes the members alone: teach it the new field"


def test_rows_of_a_case_under_hold_are_kept(clickhouse: ClickHouse) -> None:
    fill(clickhouse, "ada")
    rows = AccountRows(clickhouse, "ada", held=["case-1", "case-of-ada"])
    rows.delete(wait_seconds=60)
    assert rows.counts() == {
        "requests": 0,
        "scores": 0,
        "shadow_scores": 0,
        "alerts": 1,
        "labels": 0,
        "cases": 2,
        "case_items": 3,
        "actions": 0,
        "enforcement": 0,
    }


def test_no_table_has_the_account_anywhere_afterwards(clickhouse: ClickHouse) -> None:
    """Whatever a future column is called: no text of any table contains the id."""
    account = "a-very-special-account"
    fill(clickhouse, account)
    found = {table for table in texts(clickhouse) if contains(clickhouse, table, account)}
    of_cases = {"case_items", "case_lists"}  # a view, of the first
    assert found == {"requests", "scores", "shadow_scores", "alerts", "labels", "cases", *of_cases, "actions", "enforcement"}
    clickhouse.query("ALTER TABLE scores DELETE WHERE entity_kind = 'router' SETTINGS mutations_sync = 1")  # a router of that name
    AccountRows(clickhouse, f"{account}x").delete(wait_seconds=60)
    AccountRows(clickhouse, account).delete(wait_seconds=60)
    assert not {table for table in texts(clickhouse) if contains(clickhouse, table, account)}


def texts(clickhouse: ClickHouse) -> dict[str, list[str]]:
    rows = clickhouse.query(
        "SELECT table, groupArray(name) FROM system.columns WHERE database = currentDatabase() AND type LIKE '%String%' "
        "AND default_kind != 'EPHEMERAL' AND NOT endsWith(table, '_view') GROUP BY table"
    )
    return {str(table): list(columns) for table, columns in rows}


def contains(clickhouse: ClickHouse, table: str, account: str) -> bool:
    condition = " OR ".join(f"position(toString({name}), %(account)s) > 0" for name in texts(clickhouse)[table])
    ((count,),) = clickhouse.query(f"SELECT count() FROM {table} WHERE {condition}", {"account": account})  # noqa: S608
    return bool(count)


def test_every_table_either_has_rows_about_accounts_or_a_reason_why_not(clickhouse: ClickHouse) -> None:
    every = {
        str(name)
        for (name,) in clickhouse.query("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'")
    }
    having = {table.name for table in tables(clickhouse)}
    unknown = every - having - WITHOUT_ACCOUNTS.keys()
    assert not unknown, f"can an account be named in {unknown}? Name its column as one of {list(CONDITIONS)}, or say here why not"
    assert not having & WITHOUT_ACCOUNTS.keys()


def test_the_next_table_with_an_account_is_found_by_itself(clickhouse: ClickHouse) -> None:
    clickhouse.query("CREATE TABLE next (account_id String, note String) ENGINE = MergeTree ORDER BY account_id")
    insert(clickhouse, "next", account_id="ada", note="n")
    assert AccountRows(clickhouse, "ada").delete(wait_seconds=60) == {"next": 1}


def test_rows_are_read_page_by_page_in_the_order_of_the_table(clickhouse: ClickHouse) -> None:
    clickhouse.query("CREATE TABLE long (account_id String, number UInt32) ENGINE = MergeTree ORDER BY (account_id, number)")
    clickhouse.query("INSERT INTO long SELECT 'ada', number FROM numbers(2500)")
    rows = AccountRows(clickhouse, "ada")
    (table,) = [table for table in rows.tables if table.name == "long"]
    assert [row["number"] for row in rows.rows(table)] == list(range(2500))


def test_the_payload_is_stored_as_the_topic_has_it(clickhouse: ClickHouse) -> None:
    put(clickhouse, "cases", case("case-3", 1, ODD))
    assert clickhouse.query("SELECT name FROM case_lists WHERE part = 'members'") == [(ODD,)]
    ((payload,),) = clickhouse.query("SELECT payload FROM cases")
    assert orjson.loads(payload)["tier"] == "alert"


def test_the_row_of_a_version_that_came_after_the_erasure_stays(clickhouse: ClickHouse) -> None:
    put(clickhouse, "cases", case("case-3", 1, "ada", "bob"))
    put(clickhouse, "cases", case("case-3", 2, "bob"))
    assert AccountRows(clickhouse, "ada").delete(wait_seconds=60) == {"case_items": 1, "cases": 1}
    assert clickhouse.query("SELECT version FROM cases") == [(2,)]
    assert clickhouse.query("SELECT name FROM case_lists WHERE part = 'members'") == [("bob",)]
