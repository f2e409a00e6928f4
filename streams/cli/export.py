"""`hydrometer export`: alerts as OCSF findings, cases as signed bundles, all that is stored about an account."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.commands import AUTHOR, FILE, write_text
from streams.core.output import echo
from streams.schema.cases import SEVERITIES, TLPS, Severity, Tlp
from streams.schema.names import BEHAVIOURS, Behaviour

if TYPE_CHECKING:
    from streams.exports.bundle_signature import PublicKey
    from streams.exports.forward import Unit


@click.group()
def export() -> None:
    """Export alerts and cases to others: a SIEM, legal, partners.

    \b
    Example:  hydrometer export ocsf --webhook https://siem.example.com/hook
              hydrometer export case case-0fbfa5df00f4 --out build/evidence
              hydrometer export stix case-0fbfa5df00f4 --out case.stix.json
    """


class OutletCommand(click.Command):
    """A command with one option per outlet. Outlets are imported only when it is called."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the outlets' options, then the declared ones."""
        from streams.exports.outlet import outlets

        offered = [click.Option([f"--{name}", name], metavar=outlet.metavar, help=outlet.help) for name, outlet in outlets().items()]
        return [*offered, *super().get_params(ctx)]


@export.command("ocsf", cls=OutletCommand)
@click.option("--by", "unit", type=click.Choice(("case", "alert")), default="case", show_default=True, help="What is one finding.")
@click.option("--severity", type=click.Choice(SEVERITIES), default="low", show_default=True, help="The least that is sent.")
@click.option("--behaviour", type=click.Choice(BEHAVIOURS), help="Only this one.")
@click.option("--desk", default="", metavar="URL", help="Address of the desk: findings link to their case.")
@click.option("--name", default="", help="Name of the destination, where there are several: each is served from where it ended.")
@click.option("--once", is_flag=True, help="Stop once everything so far is delivered.")
def export_ocsf(
    *, unit: Unit, severity: Severity, behaviour: Behaviour | None, desk: str, name: str, once: bool, **targets: str | None
) -> None:
    """Forward cases as OCSF Detection Findings, from where the last run ended, until Ctrl-C.

    A case is sent when it opens, when its severity changes, and when it ends. --by alert sends every change of every alert instead.

    \b
    Example:  hydrometer export ocsf --file findings.jsonl --once
              hydrometer export ocsf --webhook https://siem.example.com/hook --severity high --desk https://desk.example.com
    """
    from contextlib import closing

    from streams.clickhouse.health import report_health
    from streams.core.settings import Settings
    from streams.exports.forward import Destination, forward
    from streams.exports.outlet import outlets

    named = [(outlet, target) for outlet, target in targets.items() if target is not None]
    if len(named) != 1:
        *others, last = (f"--{outlet}" for outlet in outlets())
        raise click.UsageError(f"Name one of {', '.join(others)} and {last}.")
    kind, target = named[0]
    destination, settings = Destination(name, unit, severity, behaviour, desk), Settings.load(role="kafka")
    with closing(outlets()[kind].open(target, settings)) as outlet, report_health(settings, "export"):
        delivered = forward(settings, outlet, destination, once=once)
    echo(f"{delivered:,} findings delivered", err=True)


@export.command("case")
@click.argument("case_id")
@click.option("--out", type=FILE, required=True, help="Directory for the bundle's directory.")
@click.option("--tlp", type=click.Choice(TLPS), default="AMBER", show_default=True)
@click.option("--to", "recipient", default="", help="For whom: a person, an organisation. It is part of the chain of custody.")
@click.option("--timestamp", "authority", metavar="URL", help="Let this authority stamp the signature (RFC 3161).")
@click.option("--exhibit", "exhibits", multiple=True, type=FILE, help="A file that `forensics record` recorded on the case. Repeatable.")
@AUTHOR
def export_case(
    *, case_id: str, out: Path, tlp: Tlp, recipient: str, authority: str | None, exhibits: tuple[Path, ...], author: str | None
) -> None:
    """Write a case as a signed bundle: JSON, page, CSV of members, timeline, and indicators that may be shared under the TLP mark.

    Needs HYDROMETER_EVIDENCE_KEY, and an analyst's key: who exported what, when and for whom is recorded before anything is written. The
    case's history is verified first, as by `hydrometer case verify`.

    \b
    Example:  hydrometer export case case-0fbfa5df00f4 --to "Trust team of a partner" --out build/evidence
    """
    from datetime import UTC, datetime
    from functools import partial

    from streams.cases import labels, timeline
    from streams.cases.audit_chain import HistoryCheck
    from streams.cases.views import terminal, verifying
    from streams.clickhouse.client import connected
    from streams.core.settings import Settings
    from streams.desk.acting import KafkaOutbox, action
    from streams.desk.sessions import Person
    from streams.exports import bundle
    from streams.exports.bundle_signature import BundleSigner
    from streams.exports.timestamp import timestamp

    settings = Settings.load(role="clickhouse")
    signer, history = BundleSigner(settings.evidence()), HistoryCheck.of(settings)
    person = Person(labels.author(settings, author), "analyst")
    exported = bundle.handover(datetime.now(UTC), person.name, recipient)
    with connected(settings) as clickhouse:
        row = terminal.find(clickhouse, case_id)
        verifying.check(clickhouse, row, history)
        shown, earlier = bundle.indicators(clickhouse, row, tlp), bundle.earlier_exports(clickhouse, row.case_id)
        chain = timeline.timeline(row, timeline.recorded(clickhouse, row.case_id))
    stamp, files = partial(timestamp, authority) if authority else None, {str(path): _content(path) for path in exhibits}
    made = bundle.make(row, signer, shown, exported, earlier, stamp, bundle.Proof(chain, files))
    KafkaOutbox(settings).send([action(person, "export", row.case_id, made.manifest_sha256, recipient)])
    echo(f"wrote {made.write(out)}; its key has the fingerprint {signer.public.fingerprint}")


@export.command("stix")
@click.argument("case_id")
@click.option("--out", type=FILE, required=True, help="File for the STIX bundle.")
@click.option("--tlp", type=click.Choice(TLPS), default="AMBER", show_default=True)
def export_stix(*, case_id: str, out: Path, tlp: Tlp) -> None:
    """Write a case as a STIX 2.1 bundle: a campaign, its techniques, and indicators of its software. It names no account.

    Needs the packages of `pip install 'hydrometer[sharing]'`.

    \b
    Example:  hydrometer export stix case-0fbfa5df00f4 --tlp GREEN --out case.stix.json
    """
    from streams.cases.views import terminal
    from streams.clickhouse.client import connected
    from streams.exports import bundle, stix

    with connected() as clickhouse:
        row = terminal.find(clickhouse, case_id)
        shown = bundle.indicators(clickhouse, row, tlp)
    write_text(out, stix.document(row, shown, tlp))
    echo(f"wrote {out}")


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
@click.option("--key", "key_file", type=FILE, help="The sender's public key, as PEM, that came another way than the bundle.")
def export_verify(*, folder: Path, key_file: Path | None) -> None:
    """Check a bundle: its signature, and every file in it. Without --key, with the key of HYDROMETER_EVIDENCE_KEY.

    \b
    Example:  hydrometer export verify build/evidence/case-0fbfa5df00f4 --key hydrometer.pem
    """
    from streams.exports import bundle

    manifest = bundle.verify(folder, _public_key(key_file))
    exported = manifest.exported
    words = f"exported {exported.at} by {exported.by}" + (f" for {exported.recipient}" if exported.recipient else "")
    echo(f"{manifest.case_id}, version {manifest.version}, {words}: {len(manifest.sha256)} files as signed")
    if (folder / bundle.TIMESTAMP).exists():
        paths = f"-data {folder / bundle.SIGNATURE} -in {folder / bundle.TIMESTAMP}"
        echo(f"check its timestamp with the authority's certificate: openssl ts -verify {paths} -CAfile AUTHORITY.pem")


def _content(path: Path) -> bytes:
    from streams.core.errors import HydrometerError

    try:
        return path.read_bytes()
    except OSError as error:
        raise HydrometerError(f"cannot read {path} ({error.strerror}): name a file that was recorded on the case") from error


def _public_key(file: Path | None) -> PublicKey:
    from streams.core.errors import HydrometerError
    from streams.core.settings import Settings
    from streams.exports.bundle_signature import BundleSigner, PublicKey

    if file is None:
        return BundleSigner(Settings.load(role="kafka").evidence()).public
    try:
        return PublicKey.read(file.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it does not hold an Ed25519 public key in PEM"
        raise HydrometerError(f"{file} cannot be used ({reason}): the sender prints it with `hydrometer keys evidence`") from error
