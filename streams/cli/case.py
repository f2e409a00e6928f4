"""`hydrometer case` and `hydrometer watch`: read, verify and split cases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.commands import AUTHOR, FILE, NOTE, write_text
from streams.core.errors import HydrometerError
from streams.core.output import echo
from streams.core.printable import printable
from streams.schema.cases import SEVERITIES, Severity
from streams.schema.labels import EXCLUDE, HOLD, LINK, MEMBER, MERGE, REASONS, RELEASE, SPLIT, WITHDRAWN
from streams.schema.names import BEHAVIOURS, Behaviour

if TYPE_CHECKING:
    from streams.cases.timeline import Moment
    from streams.cases.views.terminal import CaseRow
    from streams.core.settings import Settings


_FROM = click.option("--from", "folder", type=FILE, metavar="FOLDER", help="Read the --out of a replay instead of ClickHouse.")


@click.group()
def case() -> None:
    """List cases, or show one: who, why, counter-evidence, what next.

    \b
    Example:  hydrometer case list
              hydrometer case show case-0fbfa5df00f4
    """


@case.command("list")
@click.option("--all", "with_resolved", is_flag=True, help="Resolved cases too.")
@click.option("--behaviour", type=click.Choice(BEHAVIOURS), help="Only this one.")
@click.option("--severity", type=click.Choice(SEVERITIES), help="The least.")
@click.option("--text", default="", help="The start of an id, or an account, organisation, card, router or template.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects, one a case.")
@_FROM
def list_cases(
    *, with_resolved: bool, behaviour: Behaviour | None, severity: Severity | None, text: str, as_json: bool, folder: Path | None
) -> None:
    """List the open cases, those with the most evidence first.

    \b
    Example:  hydrometer case list
              hydrometer case list --severity high --text acct-0042
              hydrometer case list --json --from build/replay
    """
    import msgspec

    from streams.cases.views import listed, terminal
    from streams.core.output import console

    wanted = listed.Filter(behaviour, severity, text)
    cases = [row for row in _cases(folder, with_resolved=with_resolved) if wanted.wants(row)]
    if as_json:
        echo(printable(msgspec.json.format(msgspec.json.encode(listed.lines(cases)), indent=2).decode()))
        return
    screen = console()
    if not screen.is_terminal:
        screen = console(width=terminal.UNFOLDED_CHARACTERS)
    screen.print(terminal.table(cases, screen.width) if cases else "no such case" if wanted != listed.Filter() else "no open case")


@case.command("show")
@click.argument("case_id")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--html", type=FILE, help="Write one self-contained printable page.")
@_FROM
def show_case(*, case_id: str, as_json: bool, html: Path | None, folder: Path | None) -> None:
    """Show one case from its stored row. The start of its id is enough.

    \b
    Example:  hydrometer case show case-0fbfa5df00f4
              hydrometer case show case-0fbfa5df00f4 --html case.html
    """
    from streams.cases.views import page, terminal
    from streams.core.output import console

    if as_json and html:
        raise click.UsageError("Name --json or --html, not both.")
    row, chain = _with_timeline(folder, case_id)
    if html:
        write_text(html, page.page(row, chain))
        echo(f"wrote {html}")
    elif as_json:
        echo(printable(row.json().decode()))
    else:
        console().print(terminal.file(row, chain))


def _with_timeline(folder: Path | None, case_id: str) -> tuple[CaseRow, list[Moment]]:
    """Return a case, and its chain of evidence; a replay's folder has no actions of people."""
    from streams.cases import timeline
    from streams.cases.views import terminal
    from streams.clickhouse.client import connected

    if folder:
        return terminal.only(_cases(folder, with_resolved=True), case_id), []
    with connected() as clickhouse:
        row = terminal.find(clickhouse, case_id)
        return row, timeline.timeline(row, timeline.recorded(clickhouse, row.case_id))


def _cases(folder: Path | None, *, with_resolved: bool) -> Sequence[CaseRow]:
    """Return the cases of a replay's folder, or of ClickHouse."""
    from streams.cases.views import terminal
    from streams.cases.views.recorded import recorded
    from streams.clickhouse.client import connected

    if folder:
        return recorded(folder, with_resolved=with_resolved)
    with connected() as clickhouse:
        return terminal.newest(clickhouse, with_resolved=with_resolved)


@case.command("verify")
@click.argument("case_id")
def verify_case(*, case_id: str) -> None:
    """Check that no stored version of a case was changed or dropped: its history is signed by the workers.

    Needs HYDROMETER_HISTORY_PUBLIC_KEY, or the key of the workers, which also names the version that was changed.

    \b
    Example:  hydrometer case verify case-0fbfa5df00f4
    """
    from streams.cases.audit_chain import HistoryCheck
    from streams.cases.views import terminal, verifying
    from streams.clickhouse.client import connected
    from streams.core.settings import Settings

    settings = Settings.load(role="clickhouse")
    history = HistoryCheck.of(settings)
    with connected(settings) as clickhouse:
        echo(printable(verifying.check(clickhouse, terminal.find(clickhouse, case_id), history)))


@case.command("split")
@click.argument("case_id")
@click.argument("link")
@AUTHOR
@NOTE
def split_case(*, case_id: str, link: str, author: str | None, note: str) -> None:
    """Split off what does not belong to a case, with its accounts: a case that was merged in, or an alerted entity.

    It is never joined again, unless a person merges it (`hydrometer case merge`). The command prints the id of the other case.

    \b
    Example:  hydrometer case split case-0fbfa5df00f4 case-77aa01b2c3d4 --note "another customer's batch"
              hydrometer case split case-0fbfa5df00f4 payment:57eab36011e07a37
    """
    from streams.cases import labels, splitting
    from streams.cases.views import terminal
    from streams.core.settings import Settings
    from streams.schema import topics as names

    settings, known = Settings.load(role="kafka"), known_case(case_id)
    case_id = known.case_id
    terminal.check_split(known, link)
    label = labels.make(LINK, f"{case_id}/{link}", SPLIT, labels.author(settings, author), note)
    with names.answering(settings):
        labels.send(settings, label)
    other = splitting.split_off(known.payload.links, link, label.time)
    echo(f"{case_id} without {link}, which becomes {other}: label {label.label_id} recorded")


@case.command("merge")
@click.argument("case_id")
@click.argument("other_id")
@AUTHOR
@NOTE
def merge_case(*, case_id: str, other_id: str, author: str | None, note: str) -> None:
    """Merge another open case of the same behaviour into a case; `case split` undoes it.

    \b
    Example:  hydrometer case merge case-0fbfa5df00f4 case-77aa01b2c3d4 --note "one operator: same contract"
    """
    settings, known, other = _kafka(), known_case(case_id), known_case(other_id)
    for one in (known, other):
        if one.state != "open" or one.behaviour != known.behaviour or known.case_id == other.case_id:
            raise HydrometerError(f"{known.case_id} and {other.case_id} cannot be merged: name two open cases of one behaviour")
    label_id = _send(settings, LINK, f"{known.case_id}/{other.case_id}", MERGE, author, note)
    echo(f"{other.case_id} becomes part of {known.case_id}: label {label_id} recorded")


@case.command("exclude")
@click.argument("case_id")
@click.argument("account")
@click.option("--reason", type=click.Choice(REASONS), default=None, help="Why it is innocent; required, unless --undo.")
@click.option("--undo", is_flag=True, help="Let the account's evidence bring it back.")
@AUTHOR
@NOTE
def exclude_account(*, case_id: str, account: str, reason: str | None, undo: bool, author: str | None, note: str) -> None:
    """Take an innocent account out of a case for good.

    \b
    Example:  hydrometer case exclude case-0fbfa5df00f4 acct-17 --reason education --note "confirmed by the school"
              hydrometer case exclude case-0fbfa5df00f4 acct-17 --undo
    """
    from streams.schema.names import member_key

    settings, known = _kafka(), known_case(case_id)
    if not undo and reason is None:
        raise click.UsageError(f"Say why: --reason, one of {', '.join(REASONS)}.")
    listed = known.payload.excluded if undo else {*known.payload.members, *known.payload.owners}
    if account not in listed:
        raise HydrometerError(f"{known.case_id} has not {'excluded' if undo else 'the account'} {account}: see `hydrometer case show`")
    entity_id = member_key(known.case_id, account)
    label_id = _send(settings, MEMBER, entity_id, WITHDRAWN if undo else EXCLUDE, author, note, "" if undo else reason or "")
    echo(f"{account} is {'no longer excluded from' if undo else 'excluded from'} {known.case_id}: label {label_id} recorded")


@case.command("hold")
@click.argument("case_id")
@AUTHOR
@NOTE
def hold_case(*, case_id: str, author: str | None, note: str) -> None:
    """Keep a case whole for a legal dispute: `hydrometer forget` does not change it until it is released.

    \b
    Example:  hydrometer case hold case-0fbfa5df00f4 --note "proceedings 4 O 17/26"
    """
    _decide_hold(case_id, HOLD, author, note)


@case.command("release")
@click.argument("case_id")
@AUTHOR
@NOTE
def release_case(*, case_id: str, author: str | None, note: str) -> None:
    """End the legal hold on a case. Run `hydrometer forget` again for the accounts that were to be erased meanwhile.

    \b
    Example:  hydrometer case release case-0fbfa5df00f4 --note "settled"
    """
    _decide_hold(case_id, RELEASE, author, note)


@click.command()
@click.option(
    "--every", "interval_seconds", type=click.FloatRange(min=0.1), default=5.0, show_default=True, help="Seconds between two updates."
)
@click.option("--once", is_flag=True, help="Print the open cases and end.")
def watch(*, interval_seconds: float, once: bool) -> None:
    """Show the open cases, and keep them up to date, until Ctrl-C.

    \b
    Example:  hydrometer watch
              hydrometer watch --once
    """
    import threading

    from streams.cases.views import live
    from streams.clickhouse.client import connected
    from streams.core.output import console

    stop = threading.Event()
    if once:
        stop.set()
    with connected() as clickhouse:
        live.watch(clickhouse, console(), stop, interval_seconds)


def _decide_hold(case_id: str, verdict: str, author: str | None, note: str) -> None:
    from streams.cases import labels
    from streams.core.settings import Settings
    from streams.schema import topics as names

    settings, known = Settings.load(role="kafka"), known_case(case_id)
    label = labels.make(HOLD, known.payload.merged_into or known.case_id, verdict, labels.author(settings, author), note)
    with names.answering(settings):
        labels.send(settings, label)
    echo(f"{label.entity_id}: {verdict}, by {label.author} (label {label.label_id})")


def _kafka() -> Settings:
    from streams.core.settings import Settings

    return Settings.load(role="kafka")


def _send(settings: Settings, kind: str, entity_id: str, verdict: str, author: str | None, note: str, reason: str = "") -> str:
    """Sign a label and wait until Kafka has stored it; return its id."""
    from streams.cases import labels
    from streams.schema import topics as names

    label = labels.make(kind, entity_id, verdict, labels.author(settings, author), note, reason=reason)
    with names.answering(settings):
        labels.send(settings, label)
    return label.label_id


def known_case(beginning: str) -> CaseRow:
    """Return a case as `case show` does. Raises UnknownCaseError: a decision about an unknown case would be lost silently."""
    from streams.cases.views import terminal
    from streams.clickhouse.client import connected

    with connected() as clickhouse:
        return terminal.find(clickhouse, beginning)
