"""A permitted party through the whole pipeline: its traffic is scored like any other, and nobody is alerted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from streams.cases.policy import Policy
from streams.core.settings import Settings
from streams.intake.collector import read_files
from streams.replay.run import Replay

pytestmark = pytest.mark.slow


def permitting(folder: Path, accounts: Iterable[str]) -> Policy:
    path = folder / "parties.toml"
    entry = '[[party]]\naccount = "{}"\nowner = "partnerships"\nreason = "contract 17"\nexpires = 2030-01-01\n'
    path.write_text("\n".join(entry.format(account) for account in accounts))
    return Policy.load(path)


def test_who_is_permitted_is_scored_as_before_and_muted(morning: Path, replayed: Replay, tmp_path: Path) -> None:
    before = replayed.accounts()
    alerted = {account for account, row in before.items() if row.alerted}
    assert alerted
    assert not any(case.muted for case in replayed.cases)

    settings = Settings(mode="local", partitions=replayed.partitions)
    replay = Replay(settings.partitions, settings.seal_key.get_secret_value().encode(), permitting(tmp_path, alerted))
    replay.feed(read_files([morning], settings))
    rows = replay.accounts()
    assert not any(row.alerted for row in rows.values())
    assert {name: rows[name].extraction for name in alerted} == {name: before[name].extraction for name in alerted}
    extraction = [case for case in replay.cases if case.behaviour == "extraction"]
    assert extraction
    assert all(case.muted for case in extraction if case.payload.tier == "alert")
    assert extraction[-1].payload.permission is not None
    assert extraction[-1].payload.permission.reason == "contract 17"
    assert (extraction[-1].payload.next_step or "").startswith("L0: the accounts are permitted parties")
    assert [alert for alert in replay.alerts if alert.behaviour == "extraction"] == []
