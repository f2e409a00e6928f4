"""A permitted party through the whole pipeline: its traffic is scored like any other, and nobody is alerted."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from streams.collect import read_files
from streams.demo.traffic import demo_traffic
from streams.policy import Policy
from streams.replay import Replay
from streams.settings import Settings

EVENTS = 8_000


def replayed(log: Path, policy: Policy | None = None) -> Replay:
    settings = Settings.load({"HYDROMETER_MODE": "local"}, role="replay")
    replay = Replay(settings.partitions, settings.seal_key.get_secret_value().encode(), policy)
    replay.feed(read_files([log], settings))
    return replay


def permitting(folder: Path, accounts: Iterable[str]) -> Policy:
    path = folder / "parties.toml"
    entry = '[[party]]\naccount = "{}"\nowner = "partnerships"\nreason = "contract 17"\nexpires = 2030-01-01\n'
    path.write_text("\n".join(entry.format(account) for account in accounts))
    return Policy.load(path)


def test_who_is_permitted_is_scored_as_before_and_muted(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    log.write_bytes(b"\n".join(islice(demo_traffic(accounts=600, events=20_000).lines(), EVENTS)))
    before = replayed(log)
    alerted = {account for account, row in before.accounts().items() if row["alerted"]}
    assert alerted
    assert not any(case["muted"] for case in before.cases)

    replay = replayed(log, permitting(tmp_path, alerted))
    rows = replay.accounts()
    assert not any(row["alerted"] for row in rows.values())
    assert {account: rows[account]["extraction"] for account in alerted} == {
        account: before.accounts()[account]["extraction"] for account in alerted
    }
    extraction = [case for case in replay.cases if case["behaviour"] == "extraction"]
    assert extraction
    assert all(case["muted"] for case in extraction)
    assert extraction[-1]["payload"]["permission"]["reason"] == "contract 17"
    assert extraction[-1]["payload"]["next_step"].startswith("L0: the accounts are permitted parties")
    assert [alert for alert in replay.alerts if alert["behaviour"] == "extraction"] == []
