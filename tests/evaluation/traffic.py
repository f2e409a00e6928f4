"""Write four days of labelled traffic for the evaluation: `python tests/evaluation/traffic.py --split dev --seed 1 --out DIR`.

Writes `events.jsonl.zst` (canonical lines, time order), `truth.parquet` (account_id, persona, campaign, is_attacker, permitted,
first_request), `times.parquet` (account_id and time of every request) and `permitted.toml`. About 9,000 accounts, 4 % of them
attackers, 230,000 requests; the same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import wild
from attackers import Grid, development, grid_campaign, held_out
from bands import Band, draw
from corpora import corpora
from crowds import innocents
from rich.console import Console
from rich.progress import track

from models.durations import DAY
from streams.demo.log import Log
from streams.demo.scene import Scene

SPAN = 4 * DAY
START = datetime(2026, 10, 5, tzinfo=UTC).timestamp()
"""Event time of the first moment: a Monday."""

SPLITS = ("dev", "held_out", "wild")


def world(split: str, seed: int, *, people: int = 7400, grid: Grid | None = None, calm: bool = False) -> Log:
    """Draw a split's traffic.

    Args:
        split: `dev`, `held_out`, or `wild` (drawn at random, other campaigns and crowds with every seed).
        seed: The same seed gives the same log.
        people: Ordinary accounts among the benign.
        grid: Replaces the campaigns by one of these dimensions.
        calm: Without any campaign.
    """
    if split == "wild":
        drawn = np.random.default_rng([seed, 7])
        campaigns, benign = wild.campaigns(drawn), wild.innocents(drawn, people)
    else:
        campaigns, benign = development() if split == "dev" else held_out(), innocents(split, people)
    if grid:
        campaigns = [grid_campaign(split, grid)]
    scene = Scene(Log(np.random.default_rng([seed, SPLITS.index(split)])), START, SPAN)
    for band in _shuffled([*benign, *([] if calm else campaigns)], scene.rng):
        draw(scene, band)
    return scene.log


def _shuffled(bands: Sequence[Band], rng: np.random.Generator) -> Iterator[Band]:
    return (bands[index] for index in rng.permutation(len(bands)))


def truth(log: Log) -> pa.Table:
    """Return what each account that made a request really is, and when it came first."""
    columns = log.columns()
    seen, first = np.unique(columns["account"], return_index=True)
    roles = [log.roles[index] for index in seen.tolist()]
    return pa.table(
        {
            "account_id": [role.account_id for role in roles],
            "persona": [role.persona for role in roles],
            "campaign": pa.array([role.campaign for role in roles], pa.string()),
            "is_attacker": [role.is_attacker for role in roles],
            "permitted": [role.permitted for role in roles],
            "first_request": pa.array((columns["time"][first] * 1000).astype(np.int64), pa.timestamp("ms", "UTC")),
        }
    )


def times(log: Log) -> pa.Table:
    """Return account and time (seconds since 1970) of every request: what a leak is counted with."""
    columns = log.columns()
    names = np.array([role.account_id for role in log.roles])
    return pa.table({"account_id": names[columns["account"]], "time": columns["time"]})


def permitted(log: Log) -> str:
    """Return the file of permitted parties: whom, on whose word, why, until when."""
    entries = [
        f'[[party]]\naccount = "{role.account_id}"\nowner = "evaluation"\nreason = "{role.persona}"\nexpires = 2027-01-01\n'
        for role in log.roles
        if role.permitted
    ]
    return "\n".join(entries)


def write(log: Log, folder: Path) -> None:
    """Write events, truth and permitted parties into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = track(log.lines(), "writing events", total=len(log), console=Console(stderr=True), disable=not sys.stderr.isatty())
    with pa.output_stream(str(folder / "events.jsonl.zst"), compression="zstd") as file:
        for bundle in _bundles(iter(shown), 1000):
            file.write(b"".join(bundle))
    pq.write_table(truth(log), folder / "truth.parquet")
    pq.write_table(times(log), folder / "times.parquet")
    (folder / "permitted.toml").write_text(permitted(log), encoding="utf-8")


def _bundles(lines: Iterator[bytes], size: int) -> Iterator[list[bytes]]:
    while bundle := list(islice(lines, size)):
        yield bundle


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write four days of labelled traffic.")
    parser.add_argument("--split", choices=SPLITS, default="dev")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=7400, help="ordinary accounts")
    parser.add_argument("--calm", action="store_true", help="the same world without any campaign")
    parser.add_argument("--grid", type=_grid, help="one campaign, as in mix=0.25,accounts=100,rate=25")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args(words)


def _grid(text: str) -> Grid:
    given = dict(part.split("=") for part in text.split(","))
    return Grid(mix=float(given.get("mix", 1)), accounts=int(given.get("accounts", 100)), rate=float(given.get("rate", 25)))


def main(words: Sequence[str] | None = None) -> None:
    """Write the traffic that the arguments ask for."""
    asked = _arguments(words)
    log = world(asked.split, asked.seed, people=asked.people, grid=asked.grid, calm=asked.calm)
    write(log, asked.out)
    attackers = sum(role.is_attacker for role in log.roles)
    source = "real prompts and client rates" if corpora().real else "our own grammar (shared data absent)"
    print(f"{len(log)} requests, {len(log.roles)} accounts, {attackers} of them attackers; {source} -> {asked.out}")


if __name__ == "__main__":
    main()
