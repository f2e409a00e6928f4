"""What the demonstration ends with, on a real broker, the real store and real commands; only its case is made here."""

from __future__ import annotations

import io
import time
from pathlib import Path

import msgspec
import pytest
from pydantic import SecretStr
from rich.console import Console

from streams.cases.audit_chain import HistoryKey
from streams.cases.views import terminal
from streams.clickhouse import rows
from streams.clickhouse.client import connected
from streams.core.keyring import role_keys
from streams.core.settings import Settings
from streams.demo.run import decide
from streams.devserver.system import local_system
from streams.schema import topics
from streams.schema.cases import Case, CaseMember, CasePayload, Leak, ResponseStep, Score, Threshold
from streams.testing.builders import signed_case

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
CASE = "case-0123456789ab"


def stored_case(settings: Settings) -> None:
    """Put a case of `ada` and `bob` into ClickHouse, signed as by this deployment's workers."""
    now = time.time() // 60 * 60
    case = Case(
        case_id=CASE, version=1, opened_at=now, updated_at=now, state="open", behaviour="extraction", title="Two accounts.", accounts=2,
        requests=20.0, output_tokens=0.0, extraction=20.0, routing=0.0, muted=False,
        payload=CasePayload(
            score=Score("account:ada", 20.0, [], "high", None, ""),
            members={name: CaseMember(now, None, requests=10.0, extraction=20.0) for name in ("ada", "bob")},
            leak=Leak(20.0, 0.0, 0.0, 0.0, ""), ladder=ResponseStep("L3", "", "", [], ""),
            threshold=Threshold("extraction", 13.0, "2026-01-01", "detection", "operations", ""),
        ),
    )  # fmt: skip
    key = HistoryKey(role_keys(settings, "worker")[0])
    signed = signed_case(msgspec.structs.replace(case, payload=msgspec.structs.replace(case.payload, history=key.extended([], case))), key)
    with connected(settings) as clickhouse:
        for insert in rows.inserts(topics.CASES, [rows.KafkaRecord(topics.CASES, 0, 0, now, signed.encode(), {})]):
            clickhouse.insert(insert.table, insert.columns, "case")


def test_a_gateway_refuses_from_the_approval_until_the_undo_and_a_bundle_verifies(tmp_path: Path) -> None:
    pytest.importorskip("chdb", reason="the local ClickHouse needs chdb: pip install 'hydrometer[local]'")
    screen = Console(file=io.StringIO(), width=400)
    with local_system(tmp_path, evidence_key=SecretStr("a key of at least sixteen bytes")) as system:
        system.start("store", ("store",))
        stored_case(system.settings)
        with connected(system.settings) as clickhouse:
            case = terminal.find(clickhouse, CASE)
        decide(screen, system, case)
        with connected(system.settings) as clickhouse:
            did = clickhouse.query("SELECT kind, author FROM actions FINAL ORDER BY time")
    assert isinstance(screen.file, io.StringIO)
    lines = [line.strip() for line in screen.file.getvalue().splitlines()]
    assert [line for line in lines if "HTTP" in line and "notice" not in line and not line.startswith("ada: HTTP 403")] == [
        "ada: HTTP 200, served",
        "an-account-of-no-case: HTTP 200, served",
        "an-account-of-no-case: HTTP 200, served",
        "ada: HTTP 200, served",
        "an-account-of-no-case: HTTP 200, served",
    ]
    refused = next(line for line in lines if line.startswith("ada: HTTP 403"))
    assert refused.startswith("ada: HTTP 403, The keys of this account are suspended until ")
    assert any(line.startswith(f"{CASE}, version 1, exported ") and line.endswith(": 6 files as signed") for line in lines)
    assert did[:3] == [("propose", "ada"), ("approve", "bob"), ("undo", "bob")]
