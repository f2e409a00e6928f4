"""`hydrometer export`: alerts as OCSF findings, cases as signed bundles."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.commands import FILE

if TYPE_CHECKING:
    from streams.exports import bundle


@click.group()
def export() -> None:
    """Hand alerts and cases to others: a SIEM, legal, partners.

    \b
    Example:  hydrometer export ocsf --webhook https://siem.example.com/hook
              hydrometer export case case-0fbfa5df00f4 --out build/evidence
    """


@export.command("ocsf")
@click.option("--file", "path", type=FILE, help="Append findings to this file, one a line; - is standard output.")
@click.option("--webhook", metavar="URL", help="POST findings as JSON arrays; HYDROMETER_WEBHOOK_TOKEN is sent as a bearer's.")
@click.option("--topic", help="Send findings to this Kafka topic; make it first.")
@click.option("--once", is_flag=True, help="End when every alert so far is delivered.")
def export_ocsf(*, path: Path | None, webhook: str | None, topic: str | None, once: bool) -> None:
    """Forward alerts as OCSF Detection Findings, from where the last run ended, until Ctrl-C.

    \b
    Example:  hydrometer export ocsf --file findings.jsonl --once
              hydrometer export ocsf --webhook https://siem.example.com/hook
    """
    from contextlib import ExitStack, closing

    from kafka import KafkaProducer

    from streams.clickhouse.health import told
    from streams.core.settings import Settings
    from streams.exports import outlets as onward
    from streams.schema import topics as names

    if sum(each is not None for each in (path, webhook, topic)) != 1:
        raise click.UsageError("Name one of --file, --webhook and --topic.")
    settings = Settings.load(role="kafka")
    with names.answering(settings), ExitStack() as opened:
        if webhook:
            token = settings.webhook_token.get_secret_value() if settings.webhook_token else None
            outlet = onward.to_webhook(webhook, token)
        elif topic:
            outlet = onward.to_topic(opened.enter_context(closing(KafkaProducer(acks="all", **names.client_options(settings)))), topic)
        else:
            stream = sys.stdout.buffer if path is None or str(path) == "-" else opened.enter_context(onward.file_of(path))
            outlet = onward.to_file(stream)
        opened.enter_context(told(settings, "export"))
        delivered = onward.forward(settings, outlet, once=once)
    click.echo(f"{delivered:,} findings delivered", err=True)


@export.command("case")
@click.argument("case_id")
@click.option("--out", type=FILE, required=True, help="Directory for the bundle's directory.")
@click.option("--tlp", type=click.Choice(["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]), default="AMBER", show_default=True)
def export_case(*, case_id: str, out: Path, tlp: bundle.Tlp) -> None:
    """Write a case as a signed bundle: JSON, page, CSV of members, and indicators that may be shared under the TLP mark.

    Needs HYDROMETER_EVIDENCE_KEY; whoever verifies the bundle needs the same key.

    \b
    Example:  hydrometer export case case-0fbfa5df00f4 --out build/evidence
    """
    from contextlib import closing
    from datetime import UTC, datetime

    from streams.cases.views import terminal
    from streams.clickhouse.client import ClickHouse
    from streams.core.settings import Settings
    from streams.exports import bundle

    settings = Settings.load(role="clickhouse")
    key = settings.evidence()
    with closing(ClickHouse(settings)) as clickhouse:
        found = terminal.find(clickhouse, case_id)
        terminal.check(clickhouse, found)
        target = bundle.write(found, out, key, bundle.indicators(clickhouse, found, tlp), datetime.now(UTC))
    click.echo(f"wrote {target}")


@export.command("verify")
@click.argument("folder", type=FILE)
def export_verify(*, folder: Path) -> None:
    """Check a bundle: its signature, and every file in it.

    \b
    Example:  hydrometer export verify build/evidence/case-0fbfa5df00f4
    """
    from streams.core.settings import Settings
    from streams.exports import bundle

    said = bundle.verify(folder, Settings.load(role="kafka").evidence())
    click.echo(f"{said['case_id']}, version {said['version']}, exported {said['exported_at']}: {len(said['sha256'])} files as signed")
