"""`hydrometer replay`: log files through the whole pipeline, and the effect of a change of the code on their alerts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.commands import FILE, LOG_FORMAT, MAP, LogPathType, named_format
from streams.core.errors import HydrometerError
from streams.core.output import console, echo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.intake.files import LogPath
    from streams.replay.git_revision import Revision

_SHOWN_CASES = 3


@click.command()
@click.argument("files", type=LogPathType(), nargs=-1, required=True)
@click.option("--out", type=FILE, required=True, help="Directory for accounts, routers, scores, alerts, cases and a summary.")
@click.option("--until", help="Stop at this event time: 2026-11-21 or 2026-11-21T14:00:00Z.")
@LOG_FORMAT
@MAP
@click.option("--compare", "revision", metavar="REV", help="Also replay with the code of this git revision, and print the differences.")
def replay(
    *, files: tuple[LogPath, ...], out: Path, until: str | None, log_format: str, pairs: tuple[str, ...], revision: str | None
) -> None:
    """Run log files, or folders of them, here or at an address, through the whole pipeline in this process: no broker, event time.

    The same input gives the same output.

    Without HYDROMETER_MODE this uses the development keys of local mode: nothing that they key leaves the output directory.

    With --compare the files are replayed twice, by the code of REV (a branch, a tag, HEAD~1) and by the code as it lies here, changes
    that are not committed included. It prints which accounts only one of them alerts, whose first alert came earlier, how many cases
    there are, and whose evidence moved most, and by which families. --out holds both results, and all differences in compare.json.
    It needs git, and the packages that are installed here must do for REV too.

    \b
    Example:  hydrometer replay yesterday.jsonl.gz --out build/replay
              hydrometer replay s3://bucket/2026/11/28 --out build/replay
              hydrometer replay ours.jsonl --out build/replay --map began=timestamp --map caller/key=account.id
              hydrometer replay yesterday.jsonl.gz --out build/replay --compare main
    """
    from streams.replay.git_revision import Revision

    log_format = named_format(log_format, pairs)
    if revision is None:
        _replay(files, out, until, log_format)
        return
    before = Revision(revision)
    _with_code_of(before, files, out, until, log_format)
    _replay(files, out / "now", until, log_format)
    _show(before, out)


def _replay(files: tuple[LogPath, ...], out: Path, until: str | None, log_format: str) -> None:
    import os

    from streams.core.settings import Settings
    from streams.intake.refusals import NO_FAULT
    from streams.replay import run as backtest

    settings = Settings.load({"HYDROMETER_MODE": "local", **os.environ}, role="replay")
    summary = backtest.run(files, out, until, log_format, settings)
    rejected = ", ".join(f"{lines:,} {reason}" for reason, lines in summary.rejected.items()) or "none"
    _warn(out, summary.events, sum(lines for reason, lines in summary.rejected.items() if reason not in NO_FAULT))
    if not summary.events:
        check = (
            "a log has one JSON object a line, convert it first"
            if summary.rejected.keys() == {"not_json"}
            else "check --format and --until"
        )
        raise HydrometerError(f"no event was accepted (rejected: {rejected}): {check}")
    echo(f"{summary.events:,} events of {summary.accounts:,} accounts; rejected: {rejected}")
    if log_format == "auto":
        echo(f"read as {_formats(summary.formats)}")
    _show_results(out, summary.formats)
    echo(f"{summary.cases:,} open cases: `hydrometer case list --from {out}`; to read: {out / 'report.html'}")


def _formats(counts: Mapping[str, int]) -> str:
    """Return the formats that a log was read as, most frequent first, by their titles."""
    from streams.intake.formats.registry import all_formats

    titles = {known.name: known.title for known in all_formats()}
    return ", ".join(f"{titles[name]} ({count:,} entries)" for name, count in counts.items()) or "no known format"


def _show_results(out: Path, formats: Mapping[str, int]) -> None:
    """Print the open cases with the most evidence, what the log lacks, what is blind for it, and what that costs."""
    from streams.cases.views import terminal
    from streams.cases.views.recorded import recorded
    from streams.core.output import console
    from streams.replay.coverage import tables
    from streams.replay.lacking_costs import sentences
    from streams.schema.replay_files import CoverageReport

    screen = console()
    for case in recorded(out)[:_SHOWN_CASES]:
        screen.print(terminal.panel(case))
    for table in tables(CoverageReport.decode((out / "coverage.json").read_bytes())):
        screen.print(table)
    echo("\n".join(sentences([*formats])))


def _warn(out: Path, events: int, refused: int) -> None:
    """Print on standard error how much of a log was refused, and of each kind of refusal the first line: position, reason and shape."""
    from streams.intake.refusals import MAX_SHAPE_CHARACTERS, kinds
    from streams.replay.run import MAX_REJECTED_LINES
    from streams.schema.replay_files import RefusedLine

    if not refused:
        return
    share = refused / (events + refused)
    echo(f"warning: {share:.0%} of the log was refused: {refused:,} events, see {out / 'rejected.jsonl'}", err=True)
    if refused > MAX_REJECTED_LINES:
        echo(f"of the first {MAX_REJECTED_LINES:,}:", err=True)
    for kind in kinds(map(RefusedLine.decode, (out / "rejected.jsonl").read_bytes().splitlines())):
        first = kind.first
        echo(f"{kind.lines:,} {first.reason}: {first.detail}", err=True)
        echo(f"    first: {first.source}, {first.position}: {first.blanked[:MAX_SHAPE_CHARACTERS]}", err=True)


def _with_code_of(before: Revision, files: tuple[LogPath, ...], out: Path, until: str | None, log_format: str) -> None:

    options = ["--out", str(out / before.short), "--format", log_format, *(["--until", until] if until else [])]
    with console(stderr=True).status(f"replaying with the code of {before.name} ({before.short})"):
        before.replay([*options, "--", *map(str, files)])


def _show(before: Revision, out: Path) -> None:
    import json
    from dataclasses import asdict

    from streams.replay.compare import ReplayOutcome, compare, tables

    differences = compare(ReplayOutcome.read(out / before.short), ReplayOutcome.read(out / "now"))
    (out / "compare.json").write_text(
        json.dumps({"revision": before.name, "commit": before.commit, **asdict(differences)}, indent=2) + "\n"
    )
    screen = console()
    for table in tables(differences, f"{before.name} ({before.short})"):
        screen.print(table)
    echo(f"all differences: {out / 'compare.json'}")
