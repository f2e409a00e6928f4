"""Is a feature's direction right on real clients? Synthetic attackers are easily told from synthetic people by what real clients do too.

`servegen_clients_summary.csv` says of 422 real API clients, all of them innocent, what nine of the features measure. Each is
compared with the accounts of the campaign that shows it most: AUC is the share of pairs in which the attacker lies further in the
feature's direction. Below .5 the feature is *inverted*: it speaks against big honest clients sooner than against a campaign, and must not
decide alone.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from models.arrays import Floats
from streams.features.registry import features
from streams.testing.detector_contract import roc_auc
from streams.testing.figures import Figures
from streams.testing.real_data import real_data

EVEN = 0.5
LONG = 300
TINY = 16

Client = Mapping[str, str]


def _number(name: str) -> Callable[[Client], float]:
    return lambda client: float(client[name] or "nan")


def _log(name: str) -> Callable[[Client], float]:
    return lambda client: math.log1p(float(client[name] or "nan"))


def _quantile_share(client: Client, above: float) -> float:
    """Return about which share of a client's answers has at least `above` tokens, from its quantiles."""
    points = [(0.0, 0.0), *((float(client[f"output_tokens_p{q}"] or "nan"), q / 100) for q in (50, 95, 99))]
    values, shares = zip(*(point for point in points if math.isfinite(point[0])), strict=True)
    return 1.0 - float(np.interp(above, values, shares))


REAL: dict[str, Callable[[Client], float]] = {
    "daily_requests": _log("req_per_day"),
    "daily_output": lambda client: math.log1p(float(client["req_per_day"]) * float(client["output_tokens_mean"] or "nan")),
    "long_answers": _log("output_tokens_p50"),
    "egress_share": lambda client: math.log1p(float(client["output_tokens_mean"]) / max(float(client["input_tokens_mean"] or "nan"), 1.0)),
    "round_the_clock": _number("hour_entropy"),
    # of log-normal gaps with this coefficient of variation
    "gap_regularity": lambda client: math.sqrt(math.log1p(float(client["cv_p50"] or "nan") ** 2)),
    "long_steps": lambda client: _quantile_share(client, LONG),
    "tiny_answers": lambda client: 1.0 - _quantile_share(client, TINY + 1),
}
"""What the summary says of a feature. Of shares of templated or tool requests it says the most they could be."""


def check(folder: Path) -> list[Figures]:
    """Return a row a feature of accounts: its direction, both sides' medians, and the AUC; or why there is none."""
    real = _clients()
    attackers = _attackers(folder)
    return [_row(feature.name(), feature.family, feature.direction, real, attackers) for feature in features("account")]


def _clients() -> list[Client]:
    clients = real_data("data/servegen_clients_summary.csv")
    if clients is None:
        return []
    with clients.open(encoding="utf-8") as table:
        return [client for client in csv.DictReader(table) if client["output_tokens_mean"] and client["cv_p50"]]


def _attackers(folder: Path) -> dict[str, dict[str, Floats]]:
    """Return every feature's newest values of each campaign's accounts, by feature and campaign."""
    campaigns = {row["account_id"]: row["campaign"] for row in pq.read_table(folder / "truth.parquet").to_pylist() if row["is_attacker"]}
    newest: dict[str, dict[str, float]] = {}
    for row in pq.read_table(folder / "replay" / "scores.parquet", columns=["entity_kind", "entity_id", "features"]).to_pylist():
        if row["entity_kind"] == "account" and row["entity_id"] in campaigns:
            newest[row["entity_id"]] = dict(row["features"])
    found: dict[str, dict[str, list[float]]] = {}
    for account, values in newest.items():
        for name, value in values.items():
            found.setdefault(name, {}).setdefault(campaigns[account], []).append(value)
    return {name: {campaign: np.array(values) for campaign, values in of.items()} for name, of in found.items()}


def _row(name: str, family: str, direction: str, real: Sequence[Client], attackers: Mapping[str, Mapping[str, Floats]]) -> Figures:
    made = {"feature": name, "family": family, "direction": direction}
    if name not in REAL or not real:
        return made | {"note": "not in the summary" if real else "shared data absent"}
    known = np.array([REAL[name](client) for client in real])
    known = known[np.isfinite(known)]
    sign = -1.0 if direction == "low" else 1.0
    aucs = {campaign: _auc(sign * known, sign * theirs) for campaign, theirs in attackers.get(name, {}).items()}
    if not aucs:
        return made | {"note": "no attacker shows it"}
    best = max(aucs, key=lambda campaign: aucs[campaign])
    figures = {"real": float(np.median(known)), "attackers": float(np.median(attackers[name][best])), "auc": aucs[best]}
    return made | figures | {"note": best if aucs[best] >= EVEN else f"INVERTED, even for {best}"}


def _auc(known: Floats, theirs: Floats) -> float:
    return roc_auc(np.r_[known, theirs], np.r_[np.zeros(len(known)), np.ones(len(theirs))].astype(bool))


def show(rows: Sequence[Figures], console: Console) -> None:
    """Print the table, those with a figure first."""
    table = Table("feature", "family", "direction", "real clients", "attackers", "AUC", "", title="Signs against 422 real API clients")
    for each in sorted(rows, key=lambda row: "auc" not in row):
        shown = [f"{each[key]:.2f}" if key in each else "" for key in ("real", "attackers", "auc")]
        table.add_row(each["feature"], each["family"], each["direction"], *shown, each["note"])
    console.print(table)
