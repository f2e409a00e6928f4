"""Two replays compared: who is alerted by which, who earlier, what moved; and the whole of it, with another threshold in a commit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from models.evidence.weighing import ALERT_THRESHOLD_NATS
from streams.core.errors import SettingsError
from streams.replay.compare import AccountsCompared, Best, Entity, FirstAlerts, Pair, ReplayOutcome, compare, tables
from streams.testing.builders import committed
from streams.testing.checkouts import copied

HOUR = 3600.0


def outcome(
    alerted: dict[str, float] | None = None, best: dict[Entity, Best] | None = None, cases: dict[str, int] | None = None
) -> ReplayOutcome:
    return ReplayOutcome(events=100, alerted=alerted or {}, cases=cases or {}, best=best or {})


def printed(before: ReplayOutcome, now: ReplayOutcome) -> str:
    console = Console(width=160)
    with console.capture() as said:
        for table in tables(compare(before, now), "main (0123456789)"):
            console.print(table)
    return said.get()


def test_accounts_fall_into_both_only_before_and_only_now() -> None:
    accounts = compare(outcome({"a": 0.0, "b": 0.0}), outcome({"b": 0.0, "c": 0.0})).accounts
    assert accounts == AccountsCompared(alerted=Pair(2, 2), both=["b"], only_before=["a"], only_now=["c"])


def test_the_first_alert_of_an_account_that_both_alert_may_come_earlier_or_later() -> None:
    found = compare(outcome({"a": 3 * HOUR, "b": 0.0, "c": HOUR}), outcome({"a": HOUR, "b": HOUR, "c": HOUR}))
    assert found.first_alerts == FirstAlerts(earlier={"a": -2 * HOUR}, later={"b": HOUR})


def test_the_entity_that_moved_most_comes_first_with_the_families_that_moved_it() -> None:
    before = {("extraction", "account", "a"): Best(5.0, {"content": 3.0, "timing": 2.0}), ("extraction", "account", "b"): Best(1.0, {})}
    now = {("extraction", "account", "a"): Best(9.0, {"content": 8.0, "timing": 1.0}), ("extraction", "account", "b"): Best(2.0, {})}
    first, second = compare(outcome(best=before), outcome(best=now)).movers
    assert (first.entity_id, first.before, first.now, first.change) == ("a", 5.0, 9.0, 4.0)
    assert list(first.families.items()) == [("content", 5.0), ("timing", -1.0)]
    assert second.entity_id == "b"


def test_an_entity_that_only_one_run_scored_had_no_evidence_in_the_other() -> None:
    (mover,) = compare(outcome(), outcome(best={("routing", "router", "r"): Best(7.0, {"network": 7.0})})).movers
    assert (mover.behaviour, mover.before, mover.now, mover.change) == ("routing", None, 7.0, 7.0)


def test_a_change_that_changes_nothing_moves_nobody() -> None:
    same = outcome({"a": 0.0}, {("extraction", "account", "a"): Best(5.0, {"content": 5.0})}, {"extraction": 1})
    found = compare(same, same)
    assert found.movers == []
    assert found.accounts.only_before == found.accounts.only_now == []
    assert "families that moved" not in printed(same, same)


def test_the_tables_say_it_in_numbers() -> None:
    before = outcome({"a": 2 * HOUR}, {("extraction", "account", "a"): Best(5.0, {"content": 5.0})}, {"extraction": 1})
    now = outcome({"a": HOUR, "b": 0.0}, {("extraction", "account", "a"): Best(6.0, {"content": 6.0})}, {"extraction": 2, "routing": 1})
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed(before, now).splitlines() if line.startswith("│")]
    assert ["accounts alerted", "1", "2"] in rows
    assert ["extraction cases open", "1", "2"] in rows
    assert ["alerted by one alone", "0", "1"] in rows
    assert ["first alert is the earlier one", "0", "1 (median 1.0 h)"] in rows
    assert ["account a", "extraction", "5.0", "6.0", "content +1.0"] in rows


def test_tables_of_another_layout_are_one_clear_line(tmp_path: Path) -> None:
    pq.write_table(pa.table({"account_id": ["a"], "alerted": [True]}), tmp_path / "accounts.parquet")
    with pytest.raises(SettingsError, match=r"accounts.parquet has no column first_alert_at: its revision wrote other tables"):
        ReplayOutcome.read(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="only --compare needs git")
def test_a_bar_that_a_commit_set_too_high_shows_as_accounts_alerted_only_now(morning: Path, tmp_path: Path) -> None:
    root, out = tmp_path / "checkout", tmp_path / "out"
    copied(root, "streams", "models")
    (root / ".gitignore").write_text("__pycache__\n")
    policy = root / "streams/cases/policy.toml"
    text = policy.read_text()
    policy.write_text(text.replace(f"nats = {ALERT_THRESHOLD_NATS}", "nats = 1000.0"))
    committed(root)
    policy.write_text(text)  # the change that is being tried, not committed yet
    command = [sys.executable, "-P", "-m", "streams", "replay", str(morning), "--out", str(out), "--compare", "HEAD"]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(root), "HYDROMETER_PARTITIONS": "2"})
    found = json.loads((out / "compare.json").read_bytes())
    assert found["accounts"]["both"] == found["accounts"]["only_before"] == []
    assert len(found["accounts"]["only_now"]) == found["accounts"]["alerted"]["now"] > 0
    assert found["open_cases"]["extraction"]["before"] <= found["open_cases"]["extraction"]["now"]  # questions do not ask for the threshold
    assert found["movers"] == []  # a bar moves no evidence
    assert {each.name for each in out.iterdir()} == {"now", found["commit"][:10], "compare.json"}
