"""Compare what a replay said with the truth: `python tests/evaluation/report.py --run TRAFFIC REPLAY [--run ...] [--json FILE]`.

TRAFFIC is a folder of `traffic.py`, REPLAY one of `hydrometer replay`; several runs (seeds) are pooled. A campaign is found when half
of its accounts are alerted; its leak is the share of its requests served before its first alert (all, if there is none). Intervals are
95 %: Wilson for shares, bootstrap over campaigns or runs for the rest. With `baselines.parquet` in TRAFFIC the comparison is added.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from measures import Estimate, average_precision, bootstrap, mean, median, threshold_at, wilson
from rich.console import Console
from rich.table import Table

from streams.testing.detector_contract import roc_auc
from streams.testing.figures import Figures

FOUND = 0.5


@dataclass(frozen=True, slots=True)
class Account:
    """An account's truth and what the detector said of it; times in seconds since 1970."""

    account_id: str
    persona: str
    campaign: str | None
    permitted: bool
    score: float
    alerted: bool
    first_alert: float
    routing: float


@dataclass(frozen=True, slots=True)
class Campaign:
    """How a campaign fared in one run."""

    name: str
    persona: str
    accounts: int
    alerted: int
    leak: float

    @property
    def found(self) -> bool:
        """Whether half of its accounts were alerted."""
        return self.alerted >= FOUND * self.accounts


@dataclass(frozen=True, slots=True)
class Run:
    """One traffic and one replay of it."""

    accounts: list[Account]
    campaigns: list[Campaign]


def load(traffic: Path, replay: Path) -> Run:
    """Read a run. An account that the replay does not know counts as never alerted, with the lowest score."""
    said = {row["account_id"]: row for row in pq.read_table(replay / "accounts.parquet").to_pylist()}
    accounts = [_account(row, said.get(row["account_id"], {})) for row in pq.read_table(traffic / "truth.parquet").to_pylist()]
    return Run(accounts, campaigns(accounts, _times(traffic / "times.parquet")))


def _account(truth: Mapping[str, Any], said: Mapping[str, Any]) -> Account:
    first = said.get("first_alert_at")
    return Account(
        account_id=truth["account_id"],
        persona=truth["persona"],
        campaign=truth["campaign"],
        permitted=truth["permitted"],
        score=float(said.get("extraction", -np.inf)),
        alerted=bool(said.get("alerted", False)),
        first_alert=first.timestamp() if first is not None else np.inf,
        routing=float(said.get("routing", 0.0)),
    )


def _times(path: Path) -> dict[str, list[float]]:
    table = pq.read_table(path)
    times: dict[str, list[float]] = defaultdict(list)
    for account, moment in zip(table["account_id"].to_pylist(), table["time"].to_pylist(), strict=True):
        times[str(account)].append(float(moment or 0.0))
    return times


def campaigns(accounts: Iterable[Account], times: Mapping[str, Sequence[float]]) -> list[Campaign]:
    """Return how each campaign fared, by name."""
    members: dict[str, list[Account]] = defaultdict(list)
    for account in accounts:
        if account.campaign is not None:
            members[account.campaign].append(account)
    return [_fared(name, found, times) for name, found in sorted(members.items())]


def _fared(name: str, members: Sequence[Account], times: Mapping[str, Sequence[float]]) -> Campaign:
    served = np.concatenate([np.array(times[member.account_id]) for member in members])
    first = min(member.first_alert if member.alerted else np.inf for member in members)
    return Campaign(name, members[0].persona, len(members), sum(member.alerted for member in members), float(np.mean(served < first)))


def summary(runs: Sequence[Run]) -> Figures:
    """Return every figure of the report, pooled over runs, ready for JSON."""
    every = [campaign for run in runs for campaign in run.campaigns]
    innocent = [account for run in runs for account in run.accounts if account.campaign is None and not account.permitted]
    return {
        "runs": len(runs),
        "counts": {
            "campaigns_found": sum(campaign.found for campaign in every),
            "campaigns": len(every),
            "benign_alerted": sum(account.alerted for account in innocent),
            "benign": len(innocent),
        },
        "campaigns_found": wilson(sum(campaign.found for campaign in every), len(every)).as_json(),
        "median_leak": bootstrap([campaign.leak for campaign in every], median).as_json(),
        "benign_alerted": wilson(sum(account.alerted for account in innocent), len(innocent)).as_json(),
        "auc": bootstrap([_ranked(run.accounts, roc_auc) for run in runs if run.campaigns], mean).as_json(),
        "average_precision": bootstrap([_ranked(run.accounts, average_precision) for run in runs if run.campaigns], mean).as_json(),
        "campaigns": _by_campaign(every),
        "personas": _by_persona(runs),
    }


def _ranked(accounts: Sequence[Account], measure: Any) -> float:
    judged = [account for account in accounts if not account.permitted]
    scores = np.nan_to_num(np.array([account.score for account in judged]), neginf=-1e9)
    return float(measure(scores, np.array([account.campaign is not None for account in judged])))


def _by_campaign(every: Sequence[Campaign]) -> list[Figures]:
    grouped: dict[str, list[Campaign]] = defaultdict(list)
    for campaign in every:
        grouped[campaign.name].append(campaign)
    return [
        {
            "campaign": name,
            "persona": found[0].persona,
            "found": f"{sum(campaign.found for campaign in found)}/{len(found)}",
            "recall": wilson(sum(campaign.alerted for campaign in found), sum(campaign.accounts for campaign in found)).as_json(),
            "leak": bootstrap([campaign.leak for campaign in found], mean).as_json(),
        }
        for name, found in sorted(grouped.items())
    ]


def _by_persona(runs: Sequence[Run]) -> list[Figures]:
    grouped: dict[str, list[Account]] = defaultdict(list)
    for account in (account for run in runs for account in run.accounts if account.campaign is None):
        grouped[account.persona].append(account)
    return [
        {
            "persona": persona,
            "permitted": found[0].permitted,
            "accounts": len(found),
            "alerted": sum(account.alerted for account in found),
            "share": wilson(sum(account.alerted for account in found), len(found)).as_json(),
            "highest_score": round(max(account.score for account in found), 2),
            "median_routing": round(float(np.median([account.routing for account in found])), 2),
        }
        for persona, found in sorted(grouped.items())
    ]


def comparison(traffic: Sequence[Path], runs: Sequence[Run]) -> list[Figures]:
    """Return ranking measures of ours and of the baselines, each at the threshold that alerts 1 innocent in 1,000."""
    judged = [[account for account in run.accounts if not account.permitted] for run in runs]
    rows = [_compared("hydrometer", [(each, [account.score for account in each]) for each in judged])]
    tables = [pq.read_table(folder / "baselines.parquet") for folder in traffic if (folder / "baselines.parquet").exists()]
    if len(tables) != len(runs):
        return rows
    scored = [{row["account_id"]: row for row in table.to_pylist()} for table in tables]
    for name in tables[0].column_names[1:]:
        ranked = [(each, [found[account.account_id][name] for account in each]) for each, found in zip(judged, scored, strict=True)]
        rows.append(_compared(name, ranked))
    return rows


def _compared(name: str, runs: Sequence[tuple[Sequence[Account], Sequence[float]]]) -> Figures:
    areas, precisions, recalls, found, total = [], [], [], 0, 0
    for accounts, listed in runs:
        scores = np.nan_to_num(np.array(listed, dtype=np.float64), neginf=-1e9)
        guilty = np.array([account.campaign is not None for account in accounts])
        over = scores > threshold_at(scores, guilty)
        areas.append(roc_auc(scores, guilty))
        precisions.append(average_precision(scores, guilty))
        recalls.append(float(over[guilty].mean()))
        caught: dict[str, list[bool]] = defaultdict(list)
        for account, hit in zip(accounts, over.tolist(), strict=True):
            if account.campaign is not None:
                caught[account.campaign].append(hit)
        found += sum(bool(np.mean(hits) >= FOUND) for hits in caught.values())
        total += len(caught)
    measured = {"auc": areas, "average_precision": precisions, "recall_at_1_in_1000": recalls}
    return {"detector": name, "campaigns": f"{found}/{total}"} | {
        key: bootstrap(values, mean).as_json() for key, values in measured.items()
    }


def _shown(numbers: Sequence[float], *, percent: bool = True) -> str:
    value, low, high = Estimate(*numbers).as_json()
    return f"{value:.2%} ({low:.2%}-{high:.2%})" if percent else f"{value:.3f} ({low:.3f}-{high:.3f})"


def show(figures: Figures, console: Console) -> None:
    """Print the report as tables."""
    goals = Table("figure", "goal", "measured (95 %)", title=f"Goals, {figures['runs']} run(s)")
    goals.add_row("campaigns found", "all", _shown(figures["campaigns_found"]))
    goals.add_row("median leak before the first alert", "<= 5 %", _shown(figures["median_leak"]))
    goals.add_row("benign accounts alerted", "<= 0.1 %", _shown(figures["benign_alerted"]))
    goals.add_row("account AUC", "", _shown(figures["auc"], percent=False))
    goals.add_row("average precision", "", _shown(figures["average_precision"], percent=False))
    console.print(goals)
    rows = Table("campaign", "kind", "found", "accounts alerted", "leak", title="Campaigns")
    for each in figures["campaigns"]:
        rows.add_row(each["campaign"], each["persona"], each["found"], _shown(each["recall"]), _shown(each["leak"]))
    console.print(rows)
    people = Table("persona", "accounts", "alerted", "share", "highest score", "median routing", title="Benign personas")
    for each in figures["personas"]:
        name = f"{each['persona']} (permitted)" if each["permitted"] else each["persona"]
        numbers = (str(each[key]) for key in ("accounts", "alerted"))
        people.add_row(name, *numbers, _shown(each["share"]), str(each["highest_score"]), str(each["median_routing"]))
    console.print(people)
    others = Table("detector", "AUC", "AP", "recall at 1 in 1,000", "campaigns found there", title="By comparison")
    for each in figures.get("comparison", []):
        measured = (_shown(each[key], percent=False) for key in ("auc", "average_precision", "recall_at_1_in_1000"))
        others.add_row(each["detector"], *measured, each["campaigns"])
    console.print(others)


def main(words: Sequence[str] | None = None) -> None:
    """Print the report of the runs that the arguments name."""
    parser = argparse.ArgumentParser(description="Compare replays with the truth.")
    parser.add_argument("--run", nargs=2, type=Path, action="append", required=True, metavar=("TRAFFIC", "REPLAY"))
    parser.add_argument("--json", type=Path, help="also write the figures here")
    asked = parser.parse_args(words)
    runs = [load(traffic, replay) for traffic, replay in asked.run]
    figures = summary(runs) | {"comparison": comparison([traffic for traffic, _ in asked.run], runs)}
    show(figures, Console(width=150))
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
