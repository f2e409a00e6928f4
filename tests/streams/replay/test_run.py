"""Replay: the same bytes out for the same file in, in the agreed shape; what it cannot read it says in one line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.cases.views.recorded import recorded
from streams.cli.main import main
from streams.core.errors import HydrometerError, SettingsError
from streams.core.settings import Settings
from streams.demo.traffic import START
from streams.replay.run import Replay, moment, run
from streams.schema import topics
from streams.testing.case_desk import FEW, ROUTER, CaseDesk, a_group

EVENTS = 6_000
SETTINGS = Settings(mode="local", partitions=2)
FILES = ("accounts.parquet", "routers.parquet", "scores.parquet", "alerts.jsonl", "cases.jsonl")
MOMENT = pa.timestamp("ms", tz="UTC")
VALUES = pa.map_(pa.string(), pa.float32())
SHAPES = {
    "accounts": {
        "account_id": pa.string(),
        "first_seen": MOMENT,
        "last_seen": MOMENT,
        "requests": pa.int64(),
        "extraction": pa.float64(),
        "routing": pa.float64(),
        "alerted": pa.bool_(),
        "asked": pa.bool_(),
        "warned": pa.bool_(),
        "first_alert_at": MOMENT,
        "case_id": pa.string(),
    },
    "routers": {
        "router_id": pa.string(),
        "accounts": pa.int64(),
        "requests": pa.int64(),
        "public": pa.bool_(),
        "extraction": pa.float64(),
        "routing": pa.float64(),
        "alerted": pa.bool_(),
        "first_alert_at": MOMENT,
    },
    "scores": {
        "time": MOMENT,
        "entity_kind": pa.string(),
        "entity_id": pa.string(),
        "requests": pa.float64(),
        "extraction": pa.float32(),
        "routing": pa.float32(),
        "families": VALUES,
        "features": VALUES,
        "nats": VALUES,
    },
}


@pytest.fixture(scope="session")
def log(morning: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("log") / "events.jsonl"
    lines = morning.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines, b"not an event", lines[-1]]) + b"\n")
    return path


@pytest.fixture(scope="session")
def out(log: Path) -> Path:
    folder = log.parent / "out"
    run([log], folder, settings=SETTINGS)
    return folder


@pytest.mark.slow
def test_the_same_file_gives_the_same_bytes_in_another_process(log: Path, out: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    command = [sys.executable, "-m", "streams", "replay", str(log), "--out", str(again)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "HYDROMETER_PARTITIONS": str(SETTINGS.partitions)})
    for name in FILES:
        assert (again / name).read_bytes() == (out / name).read_bytes(), name
    first, second = (json.loads((folder / "summary.json").read_bytes()) for folder in (out, again))
    assert first.pop("events_per_second") > 0
    assert second.pop("events_per_second") > 0
    assert first == second


@pytest.mark.parametrize("name", list(SHAPES))
def test_tables_have_the_agreed_columns(out: Path, name: str) -> None:
    schema = pq.read_schema(out / f"{name}.parquet")
    assert dict(zip(schema.names, schema.types, strict=True)) == SHAPES[name]


def test_the_summary_counts_events_and_what_was_rejected(out: Path) -> None:
    summary = json.loads((out / "summary.json").read_bytes())
    accounts = pq.read_table(out / "accounts.parquet").to_pylist()
    assert summary["events"] == EVENTS == sum(row["requests"] for row in accounts)
    assert summary["rejected"] == {"duplicate": 1, "not_json": 1}
    assert summary["accounts"] == len(accounts)
    assert 0 < summary["state_bytes_per_account"] < 5_000


def test_alerted_accounts_name_an_open_case_that_lists_them(out: Path) -> None:
    newest = {case.case_id: case for case in recorded(out, with_resolved=True)}
    alerted = [row for row in pq.read_table(out / "accounts.parquet").to_pylist() if row["alerted"]]
    assert alerted
    for row in alerted:
        assert row["account_id"] in newest[row["case_id"]].payload.members
        assert row["first_seen"] <= row["first_alert_at"]


def test_an_account_that_joined_a_question_was_first_alerted_when_its_case_was() -> None:
    desk, replay = CaseDesk(), Replay(1, b"seals nothing worth")
    desk.apply(*a_group("router", ROUTER, FEW, at=1.0, extraction=10.0))
    desk.apply(*a_group("router", ROUTER, FEW, at=60.0, extraction=14.0))
    replay.pipeline.cases = desk.stage
    replay.alert_records += [message.value for message in desk.sent if message.topic == topics.ALERTS]
    replay.pipeline.accounts[0].table.intern(FEW)
    assert {row.first_alert_at for row in replay.accounts().values()} == {60.0}


def test_every_alert_belongs_to_a_case(out: Path) -> None:
    alerts = [orjson.loads(line) for line in (out / "alerts.jsonl").read_bytes().splitlines()]
    cases = {orjson.loads(line)["case_id"] for line in (out / "cases.jsonl").read_bytes().splitlines()}
    assert alerts
    assert {alert["case_id"] for alert in alerts} <= cases


def test_until_leaves_out_what_came_later(log: Path, tmp_path: Path) -> None:
    until = START + 6 * 3600
    summary = run([log], tmp_path, until="2026-11-02T06:00:00Z", settings=SETTINGS)
    accounts = pq.read_table(tmp_path / "accounts.parquet").to_pylist()
    assert 0 < summary.events < EVENTS
    assert max(row["last_seen"] for row in accounts).timestamp() <= until


def test_a_day_begins_at_midnight_utc() -> None:
    assert moment("2026-11-02") == moment("2026-11-02T01:00:00+01:00") == START


def test_an_empty_file_gives_empty_tables(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    summary = run([empty], tmp_path / "out", settings=SETTINGS)
    assert summary.events == 0
    assert len(pq.read_table(tmp_path / "out" / "accounts.parquet")) == 0
    assert len(pq.read_table(tmp_path / "out" / "scores.parquet")) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": [Path("no-such-file.jsonl")]}, "no-such-file.jsonl"),
        ({"until": "yesterday"}, "--until 'yesterday' is no time: write 2026-11-21 or 2026-11-21T14:00:00Z"),
        ({"log_format": "nginx"}, "nginx"),
    ],
)
def test_a_bad_argument_is_one_clear_line(log: Path, tmp_path: Path, change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"files": [log], "out": tmp_path / "out", "settings": SETTINGS, **change}
    with pytest.raises(HydrometerError) as raised:
        run(**arguments)  # type: ignore[arg-type]
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_output_folder_that_cannot_be_made_is_one_clear_line(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["replay", str(log), "--out", str(log / "out")])
    assert ended.value.code == 2
    assert re.fullmatch(r"error: --out .*\n", capsys.readouterr().err)


def test_a_file_that_is_not_there_is_told_before_anything_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        run([tmp_path / "nowhere.jsonl"], tmp_path / "out", settings=Settings(mode="local"))
    assert not (tmp_path / "out").exists()
    assert not capsys.readouterr().err
