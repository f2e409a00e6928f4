"""`make torture`: every scenario on real processes, and a table of what was found; exit code 1 when an event was lost or doubled.

Four scenarios run at a time, each in a process of its own: they mostly wait. Those that measure what a machine can do (`ALONE`) run alone.
The table is also written to `build/figures/torture.json`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Final

import hurried  # noqa: F401 - scenarios register themselves
import load  # noqa: F401
import machines  # noqa: F401
import owners  # noqa: F401
import scenarios  # noqa: F401
from rich.console import Console
from rich.table import Table
from trial import SCENARIOS, Outcome

from streams.testing.figures import Figures, write

OUT: Final = Path(__file__).resolve().parents[2] / "build" / "torture"
ALONE: Final = ("taken_over", "load")
"""Scenarios that measure what the machine can do."""
LONGEST: Final = ("stopped", "hurried", "kafka_away")
"""Scenarios that begin first, lest the others wait for them at the end."""


def main() -> int:
    """Run the scenarios that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1, help="How often each, with one seed after the other.")
    parser.add_argument("--jobs", type=int, default=4, help="Scenarios at a time.")
    parser.add_argument("--here", action="store_true", help="Run the one scenario in this process, and print its result as JSON alone.")
    chosen = parser.parse_args()
    if chosen.here:
        print(json.dumps(_run(chosen.names[0], chosen.seed)))
        return 0
    names = sorted(chosen.names or SCENARIOS, key=lambda name: name not in LONGEST)
    runs = [(name, seed) for name in names for seed in range(chosen.seed, chosen.seed + chosen.runs)]
    began, rows = time.monotonic(), list[Figures]()
    for jobs, group in ((chosen.jobs, [run for run in runs if run[0] not in ALONE]), (1, [run for run in runs if run[0] in ALONE])):
        with ThreadPoolExecutor(jobs) as pool:
            for row in pool.map(_apart, group):
                rows.append(row)
                print(json.dumps(row), flush=True)
    _show(rows)
    left_out = "" if not chosen.names else f"all but {', '.join(chosen.names)}"
    figures = {"seconds": round(time.monotonic() - began), "runs": rows}
    print(f"figures -> {write('torture', figures, command='make torture', seed=chosen.seed, partial=left_out)}")
    return 0 if all(row["good"] or row["not_run"] for row in rows) else 1


def _show(rows: list[Figures]) -> None:
    table = Table("scenario", "seed", "seconds", "result", "counts", "notes")
    for row in rows:
        result = f"NOT RUN: {row['not_run']}" if row["not_run"] else "; ".join(row["faults"]) or "every event counts once"
        notes = ", ".join(f"{key} {value}" for key, value in row["notes"].items())
        table.add_row(row["scenario"], str(row["seed"]), f"{row['seconds']:.0f}", result, row["counts"], notes)
    Console(width=200).print(table)


def _apart(run: tuple[str, int]) -> Figures:
    """Run one scenario in a process of its own."""
    name, seed = run
    began = time.monotonic()
    command = [sys.executable, str(Path(__file__).resolve()), name, "--seed", str(seed), "--here"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        row: Figures = json.loads(done.stdout.splitlines()[-1])
        return row
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return _row(name, seed, began, Outcome("", [f"the scenario ended in an error: {last}"]))


def _run(name: str, seed: int) -> Figures:
    folder = OUT / f"{name}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    return _row(name, seed, began, SCENARIOS[name](folder, seed))


def _row(name: str, seed: int, began: float, outcome: Outcome) -> Figures:
    seconds = round(time.monotonic() - began, 1)
    what = (SCENARIOS[name].__doc__ or "").splitlines()[0]
    good = not outcome.faults and not outcome.not_run
    return {"scenario": name, "what": what, "seed": seed, "seconds": seconds, "good": good, **asdict(outcome)}


if __name__ == "__main__":
    sys.exit(main())
