"""Alerts and cases as tables, of the replayed morning: the newest version agrees with the record, and the tables join."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from streams.replay.case_rows import alert_rows, case_row, member_rows, newest, version_rows
from streams.replay.run import Replay
from streams.schema.replay_files import AlertRow, CaseVersionRow, ReplayedCase


def test_the_newest_version_of_each_case_is_its_row(replayed: Replay) -> None:
    last = {case["case_id"]: case for case in map(orjson.loads, replayed.case_records)}
    rows = {row.case_id: row for row in map(case_row, newest(replayed.case_records))}
    assert rows.keys() == last.keys()
    for case_id, case in last.items():
        row = rows[case_id]
        assert (row.version, row.state, row.accounts) == (case["version"], case["state"], case["accounts"])
        assert (row.tier, row.families) == (case["payload"]["tier"], case["payload"]["families"])
        assert row.severity == case["payload"]["score"]["severity"] != ""


def test_every_version_and_every_step_of_an_alert_is_a_row_in_order(replayed: Replay) -> None:
    versions = list(version_rows(replayed.case_records))
    assert [(row.case_id, row.version) for row in versions] == [(case.case_id, case.version) for case in replayed.cases]
    alerts = list(alert_rows(replayed.alert_records))
    assert [(row.alert_id, row.state, row.evidence) for row in alerts] == [
        (alert.alert_id, alert.state, alert.evidence) for alert in replayed.alerts
    ]


def test_members_and_owners_to_be_warned_are_told_apart(replayed: Replay) -> None:
    for case in newest(replayed.case_records):
        parts = Counter(row.part for row in member_rows(case))
        assert (parts["member"], parts["owner"]) == (len(case.payload.members), len(case.payload.owners))


@pytest.fixture(scope="module")
def written(replayed: Replay, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    replayed.write(folder)
    return folder


def test_the_tables_join_by_case_and_account(written: Path) -> None:
    tables = {name: pq.read_table(written / f"{name}.parquet").to_pylist() for name in ("accounts", "alerts", "cases", "case_members")}
    cases = {row["case_id"] for row in tables["cases"]}
    accounts = {row["account_id"] for row in tables["accounts"]}
    assert cases >= {row["case_id"] for row in tables["alerts"]} > set()
    assert cases >= {row["case_id"] for row in tables["case_members"]} > set()
    assert accounts >= {row["account_id"] for row in tables["case_members"]}


def test_moments_have_a_zone(written: Path) -> None:
    for name, column in (("alerts", "time"), ("cases", "opened_at"), ("case_versions", "updated_at"), ("case_members", "joined_at")):
        assert pq.read_schema(written / f"{name}.parquet").field(column).type.tz == "UTC"


def test_a_run_without_cases_has_the_columns_all_the_same(tmp_path: Path) -> None:
    Replay(partitions=1, seal_key=b"a key of this test").write(tmp_path)
    for name, row in (("alerts", AlertRow), ("cases", ReplayedCase), ("case_versions", CaseVersionRow)):
        assert pq.read_schema(tmp_path / f"{name}.parquet").names == list(row.__struct_fields__)
