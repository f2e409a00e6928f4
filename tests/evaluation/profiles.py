"""`make evaluate-coverage`: what missing fields cost in campaigns found, for each gateway's format and for each field that matters.

One small held-out world is drawn, and replayed again for each profile: the events keep the fields that the gateway's format has, and
lose all others before `collect` reads them. What stands in a format's table may still be missing from a log (prompts that are not
logged): the rows of single fields say what that costs. One world has few campaigns: a difference of one or two is no difference.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import carried
import orjson
import pyarrow.parquet as pq
import report
import traffic
from rich.console import Console
from rich.table import Table

from streams.core.settings import Settings
from streams.intake.clock import FileClock
from streams.intake.collector import Collector, OutgoingBlock
from streams.intake.files import chunks_of
from streams.intake.formats.registry import all_formats
from streams.replay.lacking_costs import ALL_FIELDS, WITHOUT
from streams.replay.run import Replay
from streams.schema.event import NAMES, REQUIRED
from streams.testing.figures import MEASURED, Figures, write

PEOPLE: Final = 500
SPLIT: Final = "held_out"


def profiles() -> dict[str, frozenset[str]]:
    """Return the fields of a log by its name: of all, of each gateway's format that is a table, and of all but some."""
    gateways = {
        each.name: frozenset({*each.fields, *REQUIRED}) for each in all_formats() if each.readable and each.fields and each.name != "otlp"
    }
    return {ALL_FIELDS: NAMES, **gateways, **{f"without {name}": NAMES - fields for name, fields in WITHOUT.items()}}


def blocks_of(events: Path, fields: frozenset[str]) -> Iterator[OutgoingBlock]:
    """Yield what `collect` makes of a log of which only some fields are there."""
    settings = Settings.load({"HYDROMETER_MODE": "local"})
    collector, clock = Collector(settings), FileClock(settings.future_skew_seconds, settings.past_skew_seconds)
    for chunk in chunks_of(events):
        kept = [{name: value for name, value in orjson.loads(line).items() if name in fields} for line in chunk.lines]
        yield from collector.add([orjson.dumps(event) for event in kept], str(events), clock).outgoing
    yield from collector.flush()


def measured(folder: Path, name: str, fields: frozenset[str]) -> Figures:
    """Return the figures of a replay of a folder's traffic of which only some fields are there."""
    out = folder / "profiles" / name.replace(" ", "-")
    run = Replay(4, carried.KEY)
    run.feed(blocks_of(folder / "events.jsonl.zst", fields))
    run.write(out)
    result = report.load(folder, out)
    figures = report.summary([result])
    asked = {row["account_id"] for row in pq.read_table(out / "accounts.parquet").to_pylist() if row["alerted"] or row["asked"]}
    members: dict[str, list[bool]] = defaultdict(list)
    for account in result.accounts:
        if account.campaign is not None:
            members[account.campaign].append(account.account_id in asked)
    shown = sum(sum(each) >= report.FOUND * len(each) for each in members.values())
    kept = ("median_leak", "auc", "average_precision")
    return {"log": name, "fields": len(fields), "found_or_asked": shown, **figures["counts"]} | {key: figures[key][0] for key in kept}


def show(rows: Sequence[Figures], console: Console) -> None:
    """Print the table."""
    table = Table(
        "log",
        "fields",
        "campaigns found",
        "found or asked about",
        "innocents alerted",
        "median leak",
        "AUC",
        "AP",
        title="What a log that lacks fields costs",
    )
    for row in rows:
        found, either = (f"{row[name]}/{row['campaigns']}" for name in ("campaigns_found", "found_or_asked"))
        alerted = f"{row['benign_alerted']}/{row['benign']:,}"
        table.add_row(
            row["log"],
            str(row["fields"]),
            found,
            either,
            alerted,
            f"{row['median_leak']:.1%}",
            f"{row['auc']:.3f}",
            f"{row['average_precision']:.3f}",
        )
    console.print(table)


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print, and store the figures."""
    parser = argparse.ArgumentParser(description="Measure what missing fields cost.")
    parser.add_argument("--out", type=Path, default=Path("build/evaluate-coverage"))
    parser.add_argument("--seed", type=int, default=41)
    parser.add_argument("--people", type=int, default=PEOPLE, help="ordinary accounts")
    parser.add_argument("--only", nargs="*", help="names of logs, as 'all fields' litellm 'without prompt'")
    parser.add_argument("--figures", type=Path, default=MEASURED)
    asked = parser.parse_args(words)
    folder = asked.out / f"{SPLIT}-{asked.seed}-{asked.people}"
    if not (folder / "truth.parquet").exists():
        traffic.write(traffic.world(SPLIT, asked.seed, people=asked.people), folder)
    chosen = {name: fields for name, fields in profiles().items() if not asked.only or name in asked.only}
    rows = []
    console = Console(width=150)
    for name, fields in chosen.items():
        rows.append(measured(folder, name, fields))
        console.print(
            f"{name}: {rows[-1]['campaigns_found']} of {rows[-1]['campaigns']} campaigns, with questions {rows[-1]['found_or_asked']}"
        )
    show(rows, console)
    partial = "" if len(chosen) == len(profiles()) and asked.people == PEOPLE else "some logs or people"
    command = "make evaluate-coverage"
    print(
        f"figures -> {write('evaluate-coverage', {'logs': rows}, command=command, seed=asked.seed, partial=partial, folder=asked.figures)}"
    )


if __name__ == "__main__":
    main()
