"""`make mutants`: does a test fail when the code is wrong?

A seeded sample of mutants of the modules that must not be wrong, each against its own tests. A mutant is one changed operator, number,
comparison or branch (cosmic-ray). It is *killed* when a test fails; it *survives* when none does, and then a test is missing, or the change
means the same. Work happens on a copy in `build/mutants`. The table and every surviving change are printed and written to
`build/mutants.json`.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
COPY = ROOT / "build" / "mutants"
TARGETS: dict[str, tuple[str, ...]] = {
    "streams/worker/checkpoint.py": ("tests/streams/worker/test_checkpoint.py",),
    "streams/intake/collector.py": ("tests/streams/intake/test_collector.py",),
    "streams/cases/linking.py": ("tests/streams/cases",),
    "streams/cases/phrasing.py": ("tests/streams/cases/test_phrasing.py",),
    "models/evidence/weighing.py": ("tests/models/evidence/test_weighing.py",),
}
"""Which tests must notice a change of which module."""
SECONDS_A_MUTANT = 60.0


@dataclass(frozen=True)
class Outcome:
    """One mutant: where, what was changed, and whether a test failed."""

    module: str
    line: int
    change: str
    killed: bool


def copied() -> None:
    """Lay a fresh copy of the tracked files into `build/mutants`."""
    shutil.rmtree(COPY, ignore_errors=True)
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in files:
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name)


def cosmic_ray(*words: str) -> subprocess.CompletedProcess[str]:
    """Run cosmic-ray in the copy."""
    return subprocess.run(
        [str(Path(sys.executable).with_name(words[0])), *words[1:]], cwd=COPY, capture_output=True, text=True, check=False
    )


def sample(module: str, tests: Sequence[str], most: int, seed: int) -> Path:
    """Prepare a session of at most `most` mutants of one module, and return its database."""
    name = module.replace("/", ".")
    command = " ".join([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests])
    config = f'[cosmic-ray]\nmodule-path = ["{module}"]\ntimeout = {SECONDS_A_MUTANT}\nexcluded-modules = []\ntest-command = "{command}"\n'
    (COPY / f"{name}.toml").write_text(config + '[cosmic-ray.distributor]\nname = "local"\n', encoding="utf-8")
    database = COPY / f"{name}.sqlite"
    cosmic_ray("cosmic-ray", "init", f"{name}.toml", database.name)
    with sqlite3.connect(database) as session:
        jobs = sorted(row[0] for row in session.execute("SELECT job_id FROM work_items"))
        kept = set(random.Random(seed).sample(jobs, min(most, len(jobs))))
        for table in ("mutation_specs", "work_items"):
            session.executemany(f"DELETE FROM {table} WHERE job_id = ?", [(job,) for job in jobs if job not in kept])  # noqa: S608
    return database


def outcomes(module: str, database: Path) -> list[Outcome]:
    """Read what became of each mutant of a finished session."""
    query = (
        "SELECT start_pos_row, operator_name, diff, test_outcome FROM mutation_specs JOIN work_results USING (job_id) "
        "ORDER BY start_pos_row, operator_name"
    )
    with sqlite3.connect(database) as session:
        rows = session.execute(query).fetchall()
    return [
        Outcome(module, line, _change(diff) or operator, "SURVIVED" not in str(outcome).upper()) for line, operator, diff, outcome in rows
    ]


def _change(diff: str | None) -> str:
    lines = [line for line in (diff or "").splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return "  ".join(line[:1] + " " + line[1:].strip() for line in lines)


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print, and write `build/mutants.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=40, help="mutants of a module (40)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--module", choices=sorted(TARGETS), action="append", help="only this one")
    asked = parser.parse_args(words)
    console = Console()
    copied()
    every: list[Outcome] = []
    table = Table("module", "mutants", "killed", "score")
    for module in track(asked.module or list(TARGETS), description="mutants", console=console):
        database = sample(module, TARGETS[module], asked.most, asked.seed)
        cosmic_ray("cosmic-ray", "exec", f"{module.replace('/', '.')}.toml", database.name)
        found = outcomes(module, database)
        killed = sum(each.killed for each in found)
        table.add_row(module, str(len(found)), str(killed), f"{killed / max(len(found), 1):.0%}")
        every += found
    console.print(table)
    for each in every:
        if not each.killed:
            console.print(f"survived: {each.module}:{each.line}  {each.change}", markup=False, highlight=False, soft_wrap=True)
    (ROOT / "build" / "mutants.json").write_text(json.dumps([asdict(each) for each in every], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
