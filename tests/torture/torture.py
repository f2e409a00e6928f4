"""`make torture`: every scenario on real processes, and a table of what was found; exit code 1 when an event was lost or doubled."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import scenarios  # noqa: F401 - they register themselves
from rich.console import Console
from rich.table import Table
from trial import SCENARIOS

OUT = Path(__file__).resolve().parents[2] / "build" / "torture"


def main() -> int:
    """Run the scenarios that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1, help="How often each, with one seed after the other.")
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in chosen.names or SCENARIOS:
        for seed in range(chosen.seed, chosen.seed + chosen.runs):
            rows.append(_run(name, seed))
            print(json.dumps(rows[-1]), flush=True)
    table = Table("scenario", "seed", "seconds", "result", "counts", "notes")
    for row in rows:
        result = "every event counts once" if row["good"] else "; ".join(row["faults"])
        notes = ", ".join(f"{key} {value}" for key, value in row["notes"].items())
        table.add_row(row["scenario"], str(row["seed"]), f"{row['seconds']:.0f}", result, row["counts"], notes)
    Console(width=200).print(table)
    return 0 if all(row["good"] for row in rows) else 1


def _run(name: str, seed: int) -> dict[str, Any]:
    folder = OUT / f"{name}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    outcome = SCENARIOS[name](folder, seed)
    return {
        "scenario": name,
        "seed": seed,
        "seconds": round(time.monotonic() - began, 1),
        "good": not outcome.faults,
        "faults": outcome.faults,
        "counts": outcome.counts,
        "notes": outcome.notes,
    }


if __name__ == "__main__":
    sys.exit(main())
