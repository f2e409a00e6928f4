"""`make evaluate`: the goals' table with intervals, comparisons, ablations, grids, and a check of every feature's sign.

Five seeds of the development traffic, of the held-out one, and of one whose campaigns and crowds are drawn at random, each drawn, replayed
and compared with the truth; then each family of evidence is taken away in turn, and each River model added (`ablation`); then one campaign
in sizes, rates and mixtures (`--grids`); then every feature is compared with real API clients (`signs`). Everything lands in `--out`; what
is there already is not made again.

Who builds by some seeds looks at their misses and mends them; how well that carries over, others show: `--first 41` (FIRST=41). Seeds 1 to
40 have been built with.

`--quick` (QUICK=1) does two seeds among 2,500 ordinary people, three ablations and three points of a grid: under five minutes on two
cores. All of it takes about 40 minutes there.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import ablation
import baselines
import carried
import report
import signs
import traffic
from attackers import Grid
from rich.console import Console
from rich.table import Table

from streams.testing.figures import MEASURED, Figures, write

SEEDS, PEOPLE = 5, 7_400
MIXES, SIZES, RATES = (0.05, 0.1, 0.25, 0.5, 1.0), (1, 10, 100, 1000), (5.0, 25.0, 100.0, 1000.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured."""

    out: Path
    seeds: tuple[int, ...]
    people: int
    jobs: int
    grid_people: int
    grids: tuple[Grid, ...]
    families: tuple[str, ...]
    compare: bool
    figures: Path

    @property
    def partial(self) -> str:
        """What a whole run has and this one has not."""
        missing = {
            f"{SEEDS - len(self.seeds)} of {SEEDS} seeds": len(self.seeds) < SEEDS,
            f"{PEOPLE - self.people:,} of {PEOPLE:,} ordinary accounts": self.people < PEOPLE,
            "the grids": not self.grids,
        }
        return ", ".join(words for words, is_missing in missing.items() if is_missing)


def grids(*, quick: bool) -> tuple[Grid, ...]:
    """Return the points of the grids: one dimension varies, the others stay at 100 accounts, 25 requests a day, unmixed."""
    if quick:
        return (Grid(mix=0.25), Grid(accounts=10), Grid(rate=5.0))
    return (*(Grid(mix=mix) for mix in MIXES), *(Grid(accounts=size) for size in SIZES), *(Grid(rate=rate) for rate in RATES))


def draw(folder: Path, split: str, seed: int, people: int, grid: Grid | None = None) -> None:
    """Write a folder of traffic, and the blocks that collect makes of it, unless they are there."""
    if not (folder / "truth.parquet").exists():
        traffic.write(traffic.world(split, seed, people=people, grid=grid), folder)
    carried.keep(folder)


def measure(plan: Plan, job: tuple[str, int, Grid | None]) -> Path:
    """Draw, replay and store one run. Returns its folder."""
    split, seed, grid = job
    name = f"{split}-{seed}" if grid is None else f"{split}-mix{grid.mix:g}-accounts{grid.accounts}-rate{grid.rate:g}"
    folder = plan.out / name
    draw(folder, split, seed, plan.people if grid is None else plan.grid_people, grid)
    if not (folder / "replay" / "accounts.parquet").exists():
        carried.replayed(folder).write(folder / "replay")
    if plan.compare and grid is None and not (folder / "baselines.parquet").exists():
        baselines.main(["--traffic", str(folder)])
    return folder


def judged(folders: Sequence[Path], *, compare: bool) -> Figures:
    """Return the report's figures of some runs, pooled."""
    runs = [report.load(folder, folder / "replay") for folder in folders]
    figures = report.summary(runs)
    return figures | {"comparison": report.comparison(list(folders), runs)} if compare else figures


def evaluate(plan: Plan, console: Console) -> Figures:
    """Measure everything, print it as it comes, and return the figures."""
    figures: Figures = {}
    with ProcessPoolExecutor(plan.jobs) as pool:
        for split in traffic.SPLITS:
            folders = list(pool.map(partial(measure, plan), [(split, seed, None) for seed in plan.seeds]))
            figures[split] = judged(folders, compare=plan.compare)
            console.rule(f"{split}: seeds {plan.seeds[0]} to {plan.seeds[-1]}")
            report.show(figures[split], console)
        first = plan.out / f"held_out-{plan.seeds[0]}"
        rows = list(pool.map(partial(ablated, first), ("nothing", *plan.families)))
        figures["ablation"] = rows
        ablation.show(rows, console)
        figures["models"] = ablation.models(first)
        ablation.show_models(figures["models"], console)
        points = list(pool.map(partial(measure, plan), [("held_out", 1, grid) for grid in plan.grids]))
    figures["grids"] = list(_grid_rows(plan.grids, points))
    _show_grids(figures["grids"], console)
    figures["signs"] = signs.check(plan.out / f"dev-{plan.seeds[0]}")
    signs.show(figures["signs"], console)
    return figures


def ablated(folder: Path, family: str) -> Figures:
    """Return what the run would have been without a family of evidence."""
    ablation.drop(family)
    return ablation.row(family, folder, carried.replayed(folder))


def _grid_rows(points: Sequence[Grid], folders: Sequence[Path]) -> Iterator[Figures]:
    for grid, folder in zip(points, folders, strict=True):
        campaign = report.load(folder, folder / "replay").campaigns[0]
        yield {
            "mix": grid.mix,
            "accounts": grid.accounts,
            "rate": grid.rate,
            "alerted": campaign.alerted,
            "of": campaign.accounts,
            "leak": campaign.leak,
        }


def _show_grids(rows: Sequence[Figures], console: Console) -> None:
    table = Table("mix", "accounts", "requests an account a day", "alerted", "leak", title="One held-out hydra in other dimensions")
    for each in rows:
        table.add_row(
            f"{each['mix']:.0%}", str(each["accounts"]), f"{each['rate']:g}", f"{each['alerted']}/{each['of']}", f"{each['leak']:.1%}"
        )
    console.print(table)


def _plan(words: Sequence[str] | None) -> Plan:
    parser = argparse.ArgumentParser(description="Measure the detector against the goals.")
    parser.add_argument("--out", type=Path, default=Path("build/evaluate"))
    parser.add_argument("--seeds", type=int, help="how many (5; quick: 2)")
    parser.add_argument("--first", type=int, default=1, help="the first of them: what some were built with, others judge (1)")
    parser.add_argument("--people", type=int, help="ordinary accounts (7,400; quick: 2,500)")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--quick", action="store_true", help="a taste, in under five minutes")
    parser.add_argument("--no-grids", action="store_true")
    parser.add_argument("--figures", type=Path, default=MEASURED, help="where the figures go (build/figures)")
    asked = parser.parse_args(words)
    people = asked.people or (2500 if asked.quick else PEOPLE)
    return Plan(
        out=asked.out / ("quick" if asked.quick else "full"),
        seeds=tuple(range(asked.first, asked.first + (asked.seeds or (2 if asked.quick else SEEDS)))),
        people=people,
        jobs=asked.jobs,
        grid_people=min(people, 2500),
        grids=() if asked.no_grids else grids(quick=asked.quick),
        families=ablation.QUICK if asked.quick else ablation.ALL,
        compare=not asked.quick,
        figures=asked.figures,
    )


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print, and store the figures."""
    plan = _plan(words)
    plan.out.mkdir(parents=True, exist_ok=True)
    figures = evaluate(plan, Console(width=150))
    command = "make evaluate" if plan.seeds[0] == 1 else f"make evaluate FIRST={plan.seeds[0]}"
    written = write("evaluate", figures, command=command, seed=plan.seeds[0], partial=plan.partial, folder=plan.figures)
    print(f"figures -> {written}")


if __name__ == "__main__":
    main()
