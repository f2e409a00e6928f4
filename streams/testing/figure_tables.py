"""The tables and charts of figures in the documentation, made from `docs/data` when the site is built.

A page holds a line like `[figures: bench](data/bench)`: a link to the data for who reads the file, replaced by the table on the site.
The word after `figures:` is a member of `TABLES`; the folder of the link is the make target whose kept measurements the table shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from streams.core.markdown import table
from streams.testing import forensics_tables, speed_tables
from streams.testing.figures import KEPT, Measurement, history
from streams.testing.plots import bars

MARKER: Final = re.compile(r"^\[figures: ([\w -]+)\]\((?:\.\./)?data/([\w-]+)\)$", re.MULTILINE)
Kept = Sequence[Measurement]

CONTENDERS: Final = {
    "accounts_agent": "the accounts agent: blocks, features, ticks, checkpoints",
    "confluent_loop": "a `consume(1000)` loop with confluent-kafka, 4 River statistics and one HalfSpaceTrees",
    "plain_faust": "a Faust agent per event, the same job",
}
SPLITS: Final = {
    "dev": "campaigns that it was built with",
    "held_out": "other campaigns, phrasings and crowds",
    "wild": "drawn at random; some hide everything that would link them",
}
RANKINGS: Final = {
    "hydrometer": "Hydrometer",
    "requests_a_day": "requests on the busiest day",
    "hourly_calls": "calls to one model in an hour",
    "prada": "PRADA",
    "half_space_trees": "HalfSpaceTrees",
}


def fill(page: str, folder: Path = KEPT) -> str:
    """Return a page with a table or chart in the place of each marker.

    Raises:
        KeyError: a marker names an unknown table.

    """
    return MARKER.sub(lambda marker: _filled(TABLES[marker[1]], marker[2], folder), page)


def _filled(make: Callable[[Kept], str], target: str, folder: Path) -> str:
    kept = history(target, folder)
    return make(kept) if kept else f"*No figures of `make {target}` are kept.*\n"


def provenance(kept: Kept) -> str:
    """Return where the newest figures come from, as one sentence."""
    run = kept[-1]
    seed = "" if run.seed is None else f", seeds from {run.seed}"
    note = f" {run.note}" if run.note else ""
    return f"*Version {run.version}: `{run.command}` on {run.date}, revision `{run.revision}`, {run.machine}{seed}.{note}*\n"


def bench(kept: Kept) -> str:
    """Return events per CPU-second of each contender, a column a release, and the ratio to the Faust agent for the newest."""
    releases = [f"{run.version} ({run.date})" for run in kept]
    speeds = [run.figures["events_per_cpu_second"] for run in kept]
    slowest = speeds[-1]["plain_faust"]["median"]
    rows = [
        [words, *(_count(speed[name]["median"]) for speed in speeds), f"{speeds[-1][name]['median'] / slowest:.1f}"]
        for name, words in CONTENDERS.items()
    ]
    return table(["events per CPU-second", *releases, "times the Faust agent"], rows) + "\n" + provenance(kept)


def bench_limit(kept: Kept) -> str:
    """Return how far the agent is from decoding alone, as a sentence."""
    share = kept[-1].figures["ratios"]["accounts_agent / decoding alone (the limit)"]
    return f"Decoding the blocks and doing nothing else would be {1 / share:.1f} times faster.\n"


def bench_chart(kept: Kept) -> str:
    """Return the accounts agent's speed by release, drawn."""
    return bars(
        "events per CPU-second of the accounts agent",
        {run.version: run.figures["events_per_cpu_second"]["accounts_agent"]["median"] for run in kept},
    )


def collecting(kept: Kept) -> str:
    """Return microseconds an event of the newest `make bench-collect`, a row a length of prompt."""
    figures = kept[-1].figures
    languages = list(figures["sketch"])
    rows = [
        [length, *(f"{figures['sketch'][language][length]:.1f}" for language in languages), f"{whole:.1f}"]
        for length, whole in figures["collect"].items()
    ]
    demonstration = (
        f"The demonstration's lines cost {figures['demonstration']:.1f}, and {figures['demonstration_sparse']:.1f} over their two days."
    )
    header = ["characters of prompt", *(f"sketch, {language}" for language in languages), "the whole of `collect`, English"]
    return f"{table(header, rows)}\n{demonstration}\n\n{provenance(kept)}"


def evaluate(kept: Kept) -> str:
    """Return campaigns found, leak and false alerts of the newest `make evaluate`, a row a kind of world."""
    rows = [
        [
            SPLITS[split],
            f"{counts['campaigns_found']} of {counts['campaigns']}",
            f"{figures['median_leak'][0]:.1%}",
            f"{counts['benign_alerted']:,} of {counts['benign']:,}",
        ]
        for split, figures, counts in ((name, each, each["counts"]) for name, each in _splits(kept[-1]))
    ]
    return table(["worlds", "campaigns found", "leak, median", "ordinary accounts alerted"], rows) + "\n" + provenance(kept)


def authors(kept: Kept) -> str:
    """Return what the newest `make evaluate-authors` found in worlds by several authors, a row a world."""
    rows = [
        [
            f"`{world['world']}`",
            f"{world['average_precision']:.2f}",
            f"{world['recall']:.2f}",
            f"{world['found']} ({world['found_or_asked']})",
            f"{world['leak']:.0%}",
            world["innocents"],
            world["asked"],
        ]
        for world in kept[-1].figures["worlds"]
    ]
    header = [
        "world",
        "average precision",
        "recall at 1 innocent in 1,000",
        "campaigns alerted (or asked about)",
        "leak, median",
        "innocents alerted",
        "asked about: of a campaign, of all",
    ]
    return table(header, rows) + "\n" + provenance(kept)


def coverage(kept: Kept) -> str:
    """Return what the newest `make evaluate-coverage` found in a log that lacks fields, a row a log."""
    rows = [
        [
            row["log"] if " " in row["log"] else f"fields of `{row['log']}`",
            str(row["fields"]),
            f"{row['campaigns_found']} of {row['campaigns']}",
            f"{row['found_or_asked']}",
            f"{row['benign_alerted']:,} of {row['benign']:,}",
            f"{row['average_precision']:.2f}",
        ]
        for row in kept[-1].figures["logs"]
    ]
    header = ["log", "fields", "campaigns found", "found or asked about", "ordinary accounts alerted", "average precision"]
    return table(header, rows) + "\n" + provenance(kept)


def rankings(kept: Kept) -> str:
    """Return how many held-out campaigns each ranking finds at one false alert per 1,000 ordinary accounts."""
    compared = kept[-1].figures["held_out"]["comparison"]
    rows = [[RANKINGS[each["detector"]], each["campaigns"].replace("/", " of ")] for each in compared]
    return table(["accounts ranked by", "campaigns found at one false alert per 1,000"], rows)


def evasion(kept: Kept) -> str:
    """Return what each evasion buys the newest campaign, and what it costs."""
    rows = [
        [each["hidden"], f"{each['alerted']} of {each['accounts']}", f"{each['leak']:.1%}", each["cost"]]
        for each in kept[-1].figures["campaigns"]
    ]
    header = ["hidden", "accounts alerted", "served before the first alert", "what it costs the campaign"]
    return table(header, rows) + "\n" + provenance(kept)


def mutants(kept: Kept) -> str:
    """Return the mutation score of each module in the newest run."""
    rows = [
        [f"`{each['module']}`", str(each["mutants"]), str(each["killed"]), f"{each['killed'] / each['mutants']:.0%}"]
        for each in kept[-1].figures["modules"]
    ]
    return table(["module", "mutants tried", "killed", "score"], rows) + "\n" + provenance(kept)


def fuzz(kept: Kept) -> str:
    """Return by reader how many inputs the newest `make fuzz` fed to it, the slowest of them, and how much the process grew."""
    runs = kept[-1].figures["runs"]
    rows = []
    for target in dict.fromkeys(run["target"] for run in runs):
        its = [run for run in runs if run["target"] == target]
        failed = sum(not run["good"] for run in its)
        slowest, grown = (max(run.get(name, 0.0) for run in its) for name in ("slowest_seconds", "growth_mb"))
        rows.append([f"`{target}`", f"{sum(run['inputs'] for run in its):,}", str(failed), f"{slowest:.3f}", f"{grown:.1f}"])
    rows.append(["all", f"{sum(run['inputs'] for run in runs):,}", str(sum(not run["good"] for run in runs)), "", ""])
    header = ["reader", "inputs", "runs that failed", "slowest input, CPU s", "growth of the process, MB"]
    return table(header, rows) + "\n" + provenance(kept)


def torture(kept: Kept) -> str:
    """Return what each scenario of the newest `make torture` does, how long it took, what was found and what was measured."""
    rows = [
        [
            f"`{run['scenario']}`",
            run["what"],
            f"{run['seconds']:.0f}",
            "every event counts once" if run["good"] else "; ".join(run["faults"]),
            ", ".join(f"{name} {value}" for name, value in run["notes"].items()),
        ]
        for run in kept[-1].figures["runs"]
    ]
    return table(["scenario", "what happens", "seconds", "found", "measured"], rows) + "\n" + provenance(kept)


def peers(kept: Kept) -> str:
    """Return how many cases of each client's suite passed in the newest `make peers`, and why the others need not."""
    suites = kept[-1].figures["suites"]
    rows = [
        [
            suite["suite"],
            suite["version"],
            *map(_count, (suite["passed"] + suite["failed"], suite["passed"], suite["failed"], suite["skipped"])),
            f"`{suite['revision']}`",
        ]
        for suite in suites
    ]
    reasons = [[suite["suite"], _count(cases), reason] for suite in suites for reason, cases in suite["waived"]]
    counted = table(["suite", "version", "cases", "passed", "waived", "skipped by the suite itself", "measured at"], rows)
    return f"{counted}\n{table(['suite', 'cases waived', 'why'], reasons)}\n{provenance(kept)}"


def _splits(run: Measurement) -> list[tuple[str, Any]]:
    return [(name, run.figures[name]) for name in SPLITS if name in run.figures]


def _of_newest(make: Callable[[Any], str]) -> Callable[[Kept], str]:
    return lambda kept: make(kept[-1].figures)


def _count(value: float) -> str:
    return f"{value:,.0f}"


TABLES: Final[Mapping[str, Callable[[Kept], str]]] = {
    "authors": authors,
    "bench": bench,
    "bench chart": bench_chart,
    "bench limit": bench_limit,
    "collect": collecting,
    "coverage": coverage,
    "evaluate": evaluate,
    "evasion": evasion,
    "fuzz": fuzz,
    "mutants": mutants,
    "peers": peers,
    "torture": torture,
    "provenance": provenance,
    "rankings": rankings,
    **{f"speed {name}": _of_newest(make) for name, make in speed_tables.TABLES.items()},
    **{f"forensics {name}": _of_newest(make) for name, make in forensics_tables.TABLES.items()},
}
"""What a marker may name."""
