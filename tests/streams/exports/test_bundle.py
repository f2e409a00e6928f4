from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from streams.cases import timeline
from streams.cases.audit_chain import HistoryKey
from streams.cases.views import terminal
from streams.cases.views.terminal import CaseRow
from streams.cli.main import cli
from streams.clickhouse import rows
from streams.clickhouse.client import ClickHouse
from streams.core.errors import BrokerUnavailableError, SettingsError
from streams.core.settings import Settings
from streams.exports import bundle
from streams.exports.bundle import BundleError, Handover, Indicators, Share
from streams.exports.bundle_signature import BundleSigner
from streams.replay.run import Replay
from streams.schema import topics
from streams.schema.actions import Action
from streams.schema.cases import CaseMember, CasePayload
from streams.schema.exhibits import Exhibit
from streams.testing.builders import embedded_broker, migrated_clickhouse, signed_case

HISTORY_KEY = HistoryKey(b"the workers' key")
SECRET = b"a key of at least sixteen bytes"
SIGNER = BundleSigner(SECRET)
KEY = SIGNER.public
ROOT = Path(__file__).parents[3]
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed: apt-get install openssl")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
STACK = [("a-1", "t13d_x"), ("a-1", "t13d_x"), ("a-2", "t13d_x"), ("a-2", "t13d_y"), ("somebody", "t13d_z")]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    with migrated_clickhouse(tmp_path_factory.mktemp("clickhouse")) as settings:
        yield settings


@pytest.fixture(scope="module")
def clickhouse(settings: Settings, replayed: Replay) -> Iterator[ClickHouse]:
    """The cases of a morning."""
    gateway = ClickHouse(settings)
    records = [
        rows.KafkaRecord(topics.CASES, 0, offset, 1.7e9, signed_case(case, HISTORY_KEY).encode(), {})
        for offset, case in enumerate(replayed.cases)
    ]
    for insert in rows.inserts(topics.CASES, records):
        gateway.insert(insert.table, insert.columns, "cases")
    yield gateway
    gateway.close()


@pytest.fixture
def case(clickhouse: ClickHouse) -> CaseRow:
    return max(terminal.newest(clickhouse), key=lambda found: len(found.payload.members))


INDICATORS = Indicators("TLP:AMBER", "case-1", "extraction", "", "", 2, [], {})


@pytest.fixture
def written(case: CaseRow, tmp_path: Path) -> Path:
    return bundle.make(case, SIGNER, INDICATORS, bundle.handover(NOON, "ada", "a partner")).write(tmp_path)


def test_a_bundle_is_what_was_signed(written: Path, case: CaseRow) -> None:
    manifest = bundle.verify(written, KEY)
    assert (manifest.case_id, manifest.exported) == (case.case_id, Handover("2026-11-22T12:00:00+00:00", "ada", "a partner"))
    assert {path.name for path in written.iterdir()} == {
        "case.json", "case.html", "members.csv", "indicators.json", "timeline.json", "signer.pem", "manifest.json", "manifest.sig",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["case.json", "case.html", "members.csv", "indicators.json", "timeline.json", "signer.pem"])
def test_one_changed_byte_shows_and_names_its_file(written: Path, name: str) -> None:
    content = bytearray((written / name).read_bytes())
    content[0] ^= 1
    (written / name).write_bytes(bytes(content))
    with pytest.raises(BundleError, match=f"{name} was changed after it was signed"):
        bundle.verify(written, KEY)


def test_a_changed_manifest_another_key_a_missing_and_a_strange_file_show(written: Path) -> None:
    with pytest.raises(BundleError, match="was changed after it was signed, or by another key"):
        bundle.verify(written, BundleSigner(b"another key of sixteen bytes").public)
    (written / "extra.txt").write_text("planted")
    with pytest.raises(BundleError, match=r"extra\.txt was added"):
        bundle.verify(written, KEY)
    (written / "extra.txt").unlink()
    (written / "case.html").unlink()
    with pytest.raises(BundleError, match=r"case\.html cannot be read"):
        bundle.verify(written, KEY)
    manifest = json.loads((written / "manifest.json").read_text())
    (written / "manifest.json").write_text(json.dumps({**manifest, "sha256": {}}))
    with pytest.raises(BundleError, match=r"manifest\.json was changed after it was signed"):
        bundle.verify(written, KEY)


def proof_of(case: CaseRow, *files: bytes) -> bundle.Proof:
    """A case of which a report was recorded at noon, and these files to hand over."""
    exhibit = Exhibit("comparison", NOON.timestamp(), NOON.timestamp(), sha256(b"a report").hexdigest())
    action = Action("0" * 32, NOON.timestamp(), case.case_id, "exhibit", "ada", "analyst", exhibit.encode().decode(), "a vs b")
    return bundle.Proof(timeline.timeline(case, [action]), {f"report-{place}.json": file for place, file in enumerate(files)})


def test_a_recorded_report_is_signed_with_the_bundle_and_stands_in_its_timeline_and_page(case: CaseRow, tmp_path: Path) -> None:
    folder = bundle.make(case, SIGNER, INDICATORS, bundle.handover(NOON, "ada", ""), proof=proof_of(case, b"a report")).write(tmp_path)
    digest = sha256(b"a report").hexdigest()
    assert bundle.verify(folder, KEY).sha256[f"exhibit-{digest[:16]}.json"] == digest
    chain = json.loads((folder / "timeline.json").read_text())
    assert {moment["what"] for moment in chain} == {"harvest", "alert", "comparison"}
    assert [moment["sha256"] for moment in chain if moment["what"] == "comparison"] == [digest]
    assert digest in (folder / "case.html").read_text()


def test_a_report_that_nobody_recorded_does_not_leave_with_the_case(case: CaseRow) -> None:
    with pytest.raises(BundleError, match=r"report-0\.json is not recorded on the case: record it with `hydrometer forensics record`"):
        bundle.make(case, SIGNER, INDICATORS, bundle.handover(NOON, "ada", ""), proof=proof_of(case, b"another report"))


def test_members_are_a_table_with_the_strongest_first(case: CaseRow) -> None:
    lines = list(csv.DictReader(io.StringIO(bundle.members(case))))
    assert len(lines) == len(case.payload.members)
    evidence = [float(line["extraction"]) for line in lines]
    assert evidence == sorted(evidence, reverse=True)
    assert datetime.fromisoformat(lines[0]["joined_at"]).tzinfo is not None


@pytest.mark.parametrize("account", ['=HYPERLINK("http://evil")', " =1+1", "\ufeff=1+1", "\u00a0@x", "\t-1", "+1"])
def test_an_account_cannot_smuggle_a_formula_into_a_spreadsheet(case: CaseRow, account: str) -> None:
    member = next(iter(case.payload.members.values()))
    evil = replace(case, payload=CasePayload(members={account: member}))
    (line,) = csv.DictReader(io.StringIO(bundle.members(evil)))
    assert line["account"].lstrip(" \t\ufeff\u00a0").startswith("'")


def test_a_semicolon_parts_no_cells_where_it_is_the_comma(case: CaseRow) -> None:
    member = next(iter(case.payload.members.values()))
    evil = replace(case, payload=CasePayload(members={"a;=1+1": member}))
    (line,) = csv.reader(io.StringIO(bundle.members(evil).splitlines()[1]), delimiter=";")
    assert line[0].startswith("a;'=1+1")


@pytest.mark.parametrize("case_id", ["case-/../../x", "..", "", "/etc/x", "case-1\n", "a" * 101])
def test_an_id_that_is_a_path_writes_nothing(case: CaseRow, tmp_path: Path, case_id: str) -> None:
    with pytest.raises(BundleError, match="cannot name a folder"):
        bundle.make(replace(case, case_id=case_id), SIGNER, INDICATORS, bundle.handover(NOON, "ada", "")).write(tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_indicators_name_the_software_and_no_customer(clickhouse: ClickHouse, case: CaseRow) -> None:
    clickhouse.query("TRUNCATE TABLE requests")
    now = seconds_of(datetime.now(UTC))
    for number, (account, ja4) in enumerate(STACK):
        row: dict[str, float | str] = {"time": now + number, "event": f"e-{number}", "account": account, "ja4": ja4}
        clickhouse.query("INSERT INTO requests (time, event_id, account_id, tls_ja4) SELECT %(time)s, %(event)s, %(account)s, %(ja4)s", row)
    members = {"a-1": CaseMember(0.0, None, extraction=9.0), "a-2": CaseMember(0.0, None, extraction=8.0)}
    two = replace(case, payload=msgspec.structs.replace(case.payload, members=members))
    shared = bundle.indicators(clickhouse, two, "GREEN")
    assert shared.tlp == "TLP:GREEN"
    assert shared.observed == {"tls_ja4": [Share("t13d_x", 0.75), Share("t13d_y", 0.25)]}
    assert not {"a-1", "a-2", "somebody"} & set(json.dumps(asdict(shared)).split('"'))


def seconds_of(at: datetime) -> int:
    return int(at.timestamp())


def test_the_chain_of_custody_names_every_earlier_export(clickhouse: ClickHouse, case: CaseRow) -> None:
    clickhouse.query("TRUNCATE TABLE actions")
    for number, (author, kind) in enumerate([("ada", "export"), ("bob", "own"), ("bob", "export")]):
        row: dict[str, str | float] = {
            "id": f"{number:032x}",
            "time": NOON.timestamp() + number,
            "case": case.case_id,
            "kind": kind,
            "author": author,
        }
        clickhouse.query(
            "INSERT INTO actions (action_id, time, case_id, kind, author, value, note) "
            "SELECT %(id)s, %(time)s, %(case)s, %(kind)s, %(author)s, 'ab12', 'a partner'",
            row,
        )
    earlier = bundle.earlier_exports(clickhouse, case.case_id)
    assert earlier == [
        Handover("2026-11-22T12:00:00+00:00", "ada", "a partner", "ab12"),
        Handover("2026-11-22T12:00:02+00:00", "bob", "a partner", "ab12"),
    ]
    made = bundle.make(case, SIGNER, INDICATORS, bundle.handover(NOON, "eve", ""), earlier)
    assert [handover["by"] for handover in json.loads(made.files["manifest.json"])["earlier_exports"]] == ["ada", "bob"]


@needs_openssl
def test_a_recipient_checks_a_bundle_with_the_script_of_the_page(written: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/hand-over-evidence.md").read_text()
    script = tmp_path / "verify.sh"
    script.write_text(page.partition("```sh\n#!/bin/sh")[2].partition("```")[0])
    key = tmp_path / "hydrometer.pem"
    key.write_bytes(KEY.pem)

    def verified() -> int:
        return subprocess.run(["sh", script, written, key], capture_output=True, check=False).returncode

    assert verified() == 0
    (written / "members.csv").write_text("nobody")
    assert verified() != 0
    with (written / "manifest.json").open("a") as manifest:
        manifest.write(" ")
    assert verified() != 0


def test_the_command_records_an_export_and_then_writes_a_bundle_that_the_command_verifies(
    settings: Settings, case: CaseRow, tmp_path: Path
) -> None:
    env = {"HYDROMETER_MODE": "local", "HYDROMETER_CLICKHOUSE_PORT": str(settings.clickhouse_port), "HYDROMETER_KAFKA": "127.0.0.1:9"}
    env |= {"HYDROMETER_CLICKHOUSE_USER": settings.clickhouse_user, "HYDROMETER_STATE_DIR": str(tmp_path / "state")}
    env |= {"HYDROMETER_CLICKHOUSE_PASSWORD": settings.clickhouse_password.get_secret_value()}
    command = ["export", "case", case.case_id, "--out", str(tmp_path / "out"), "--to", "a partner", "--author", "ada"]
    missing = CliRunner(env=env).invoke(cli, command)
    assert isinstance(missing.exception, SettingsError)
    assert "HYDROMETER_EVIDENCE_KEY is not set" in str(missing.exception)
    env |= {"HYDROMETER_EVIDENCE_KEY": SECRET.decode(), "HYDROMETER_HISTORY_PUBLIC_KEY": HISTORY_KEY.public}
    unrecorded = CliRunner(env=env).invoke(cli, command)
    assert isinstance(unrecorded.exception, BrokerUnavailableError)
    assert not (tmp_path / "out").exists()
    with embedded_broker() as bootstrap:
        env |= {"HYDROMETER_KAFKA": bootstrap}
        local = Settings(mode="local", kafka=bootstrap)
        topics.ensure(local)
        runner = CliRunner(env=env)
        runner.invoke(cli, command, catch_exceptions=False)
        assert topics.records(local, topics.ACTIONS) == {topics.ACTIONS: 1}
        release = ["--released", "2026-11-20", "--model", "suspect-7b", "--source", "https://example.com", "--author", "ada"]
        recorded = runner.invoke(cli, ["forensics", "record", case.case_id, *release], catch_exceptions=False)
        assert recorded.output == f"{case.case_id}: release recorded: suspect-7b was released (https://example.com).\n"
        assert topics.records(local, topics.ACTIONS) == {topics.ACTIONS: 2}
    (tmp_path / "hydrometer.pem").write_text(runner.invoke(cli, ["keys", "evidence"], catch_exceptions=False).output)
    verify = ["export", "verify", str(tmp_path / "out" / case.case_id), "--key", str(tmp_path / "hydrometer.pem")]
    verified = CliRunner(env={}).invoke(cli, verify, catch_exceptions=False)
    assert verified.output.endswith(" by ada for a partner: 6 files as signed\n")
