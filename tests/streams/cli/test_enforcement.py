"""`hydrometer enforcement` does what is decided, shows it, goes back and stops."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.cli.main import cli
from streams.enforcement import decided
from streams.enforcement.engine import StoppedError
from streams.schema.actions import EnforcementDecision, EnforcementPayload


def decision(number: int, **other: Any) -> EnforcementDecision:
    now = time.time()
    fields: dict[str, Any] = {
        "decision_id": f"{number:016x}", "time": now, "state": "approved", "case_id": "case-1", "step": "L2", "measure": "hide_reasoning",
        "rate": 0.0, "clause": "c", "reason": "r", "author": "ada", "approver": "bob", "starts": now - 1, "expires": now + 3600,
        "payload": EnforcementPayload({f"acct-{number}": []}),
    }  # fmt: skip
    return EnforcementDecision(**{**fields, **other})


@pytest.fixture
def decisions(monkeypatch: pytest.MonkeyPatch) -> list[EnforcementDecision]:
    """What ClickHouse holds."""
    held: list[EnforcementDecision] = []
    monkeypatch.setattr(decided, "decisions", lambda _clickhouse: held)
    return held


def run(folder: Path, *words: str) -> str:
    environment = {"HYDROMETER_MODE": "local", "HYDROMETER_STATE_DIR": str(folder / "state"), "HYDROMETER_CLICKHOUSE_PORT": "1"}
    result = CliRunner(env=environment).invoke(cli, ["enforcement", *words, "--to", f"csv={folder}/orders.csv"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_plan_does_nothing_and_apply_does_it(tmp_path: Path, decisions: list[EnforcementDecision]) -> None:
    decisions.append(decision(1))
    assert "1 to add, 0 to change, 0 to remove" in run(tmp_path, "plan")
    assert not (tmp_path / "orders.csv").exists()
    run(tmp_path, "apply")
    assert '"acct-1","hide_reasoning"' in (tmp_path / "orders.csv").read_text()
    assert "1 of 1 orders are obeyed; no drift" in run(tmp_path, "status")


def test_what_is_undone_is_removed_by_the_next_run(tmp_path: Path, decisions: list[EnforcementDecision]) -> None:
    decisions.append(decision(1))
    run(tmp_path, "apply")
    decisions[0] = decision(1, state="undone")
    assert "drift: 1 too many" in run(tmp_path, "status")
    assert "1 to remove" in run(tmp_path, "apply")
    assert "acct-1" not in (tmp_path / "orders.csv").read_text()


def test_a_rollback_goes_back_one_run(tmp_path: Path, decisions: list[EnforcementDecision]) -> None:
    decisions.append(decision(1))
    run(tmp_path, "apply")
    decisions.append(decision(2))
    run(tmp_path, "apply")
    run(tmp_path, "rollback")
    text = (tmp_path / "orders.csv").read_text()
    assert "acct-1" in text
    assert "acct-2" not in text


def test_a_stop_removes_everything_and_holds_until_it_is_resumed(tmp_path: Path, decisions: list[EnforcementDecision]) -> None:
    decisions.append(decision(1))
    run(tmp_path, "apply")
    run(tmp_path, "stop")
    assert "acct-1" not in (tmp_path / "orders.csv").read_text()
    with pytest.raises(StoppedError, match="`hydrometer enforcement apply --resume` starts it again"):
        run(tmp_path, "apply")
    run(tmp_path, "apply", "--resume")
    assert "acct-1" in (tmp_path / "orders.csv").read_text()
