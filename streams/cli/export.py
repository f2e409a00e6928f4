"""`hydrometer export`: alerts as OCSF findings, cases as signed bundles, all that is stored about an account."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli.commands import FILE
from streams.core.output import echo
from streams.schema.cases import TLPS, Tlp


@click.group()
def export() -> None:
    """Export alerts and cases to others: a SIEM, legal, partners.

    \b
    Example:  hydrometer export ocsf --webhook https://siem.example.com/hook
              hydrometer export case case-0fbfa5df00f4 --out build/evidence
    """


class OutletCommand(click.Command):
    """A command with one option per outlet. Outlets are imported only when it is called."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the outlets' options, then the declared ones."""
        from streams.exports.outlet import outlets

        offered = [click.Option([f"--{name}", name], metavar=outlet.metavar, help=outlet.help) for name, outlet in outlets().items()]
        return [*offered, *super().get_params(ctx)]


@export.command("ocsf", cls=OutletCommand)
@click.option("--once", is_flag=True, help="Stop once every alert so far is delivered.")
def export_ocsf(*, once: bool, **targets: str | None) -> None:
    """Forward alerts as OCSF Detection Findings, from where the last run ended, until Ctrl-C.

    \b
    Example:  hydrometer export ocsf --file findings.jsonl --once
              hydrometer export ocsf --webhook https://siem.example.com/hook
    """
    from contextlib import closing

    from streams.clickhouse.health import report_health
    from streams.core.settings import Settings
    from streams.exports.forward import forward
    from streams.exports.outlet import outlets

    named = [(name, target) for name, target in targets.items() if target is not None]
    if len(named) != 1:
        *others, last = (f"--{name}" for name in outlets())
        raise click.UsageError(f"Name one of {', '.join(others)} and {last}.")
    name, target = named[0]
    settings = Settings.load(role="kafka")
    with closing(outlets()[name].open(target, settings)) as outlet, report_health(settings, "export"):
        delivered = forward(settings, outlet, once=once)
    echo(f"{delivered:,} findings delivered", err=True)


@export.command("case")
@click.argument("case_id")
@click.option("--out", type=FILE, required=True, help="Directory for the bundle's directory.")
@click.option("--tlp", type=click.Choice(TLPS), default="AMBER", show_default=True)
def export_case(*, case_id: str, out: Path, tlp: Tlp) -> None:
    """Write a case as a signed bundle: JSON, page, CSV of members, and indicators that may be shared under the TLP mark.

    Needs HYDROMETER_EVIDENCE_KEY; verifying the bundle needs the same key. The case's history is verified first, as by
    `hydrometer case verify`.

    \b
    Example:  hydrometer export case case-0fbfa5df00f4 --out build/evidence
    """
    from datetime import UTC, datetime

    from streams.cases.audit_chain import HistoryCheck
    from streams.cases.views import terminal
    from streams.clickhouse.client import connected
    from streams.core.settings import Settings
    from streams.exports import bundle

    settings = Settings.load(role="clickhouse")
    key, history = settings.evidence(), HistoryCheck.of(settings)
    with connected(settings) as clickhouse:
        row = terminal.find(clickhouse, case_id)
        terminal.check(clickhouse, row, history)
        target = bundle.write(row, out, key, bundle.indicators(clickhouse, row, tlp), datetime.now(UTC))
    echo(f"wrote {target}")


@export.command("account")
@click.argument("account")
@click.option("--out", type=FILE, required=True, help="File for the document.")
def export_account(*, account: str, out: Path) -> None:
    """Write everything that is stored about an account as one JSON document: for a person who asks what is known of them.

    Rows of every table, the newest value of every feature with its meaning, labels, and the account's own part of its cases.

    \b
    Example:  hydrometer export account acct-0042 --out acct-0042.json
    """
    from datetime import UTC, datetime

    from streams.clickhouse.client import connected
    from streams.core.errors import HydrometerError
    from streams.exports.account import document

    try:
        with connected() as clickhouse, out.open("xb") as file:
            file.writelines(document(clickhouse, account, datetime.now(UTC)))
    except OSError as error:
        raise HydrometerError(f"cannot write {out} ({error.strerror}): name a new file") from error
    echo(f"wrote {out}")


@export.command("verify")
@click.argument("folder", type=FILE)
def export_verify(*, folder: Path) -> None:
    """Check a bundle: its signature, and every file in it.

    \b
    Example:  hydrometer export verify build/evidence/case-0fbfa5df00f4
    """
    from streams.core.settings import Settings
    from streams.exports import bundle

    manifest = bundle.verify(folder, Settings.load(role="kafka").evidence())
    files = len(manifest.sha256)
    echo(f"{manifest.case_id}, version {manifest.version}, exported {manifest.exported_at}: {files} files as signed")
