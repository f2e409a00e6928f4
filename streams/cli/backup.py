"""`hydrometer backup` and `hydrometer restore`."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli.commands import FILE
from streams.core.output import echo


@click.command()
@click.argument("folder", type=FILE)
@click.option("--check", is_flag=True, help="Only verify a backup: every file, its checksum and its rows.")
@click.option("--with", "others", type=FILE, multiple=True, help="One more file to save, as a mapping file. Repeat it for more.")
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds for what was just stopped to be gone.",
)
def backup(*, folder: Path, check: bool, others: tuple[Path, ...], wait_seconds: float) -> None:
    """Save what cannot be made again into a new folder: files, state and offsets in Kafka, ClickHouse's tables.

    Stop `collect` and all workers first, with SIGTERM: a backup is of one moment, and is refused while something runs. Keys are not in it,
    only their fingerprints: keep them elsewhere. Prompts are not in it either. Needs the deployment's keys, a Kafka user that may read
    all topics and groups, and a ClickHouse user that may read all tables.

    \b
    Example:  systemctl stop hydrometer.target && hydrometer backup /backup/2026-11-30
              hydrometer backup --check /backup/2026-11-30
    """
    from streams.backup import run
    from streams.clickhouse.client import connected
    from streams.core.settings import Settings

    settings = Settings.load(role="backup")
    if check:
        found = run.check(settings, folder, echo)
        echo(f"{folder} is whole: {len(found.files)} files of {found.made}")
        return
    with connected(settings) as clickhouse:
        done = run.backup(settings, clickhouse, folder, others, wait_seconds, echo)
    rows = sum(file.rows for file in done.files)
    echo(f"{folder} is a backup: {rows:,} rows and records in {len(done.files)} files, {sum(file.size for file in done.files):,} bytes")


@click.command()
@click.argument("folder", type=FILE)
@click.option(
    "--ledger-is-lost", is_flag=True, help="Restore without the ledger of erasures: say so only if no account was forgotten since."
)
def restore(*, folder: Path, ledger_is_lost: bool) -> None:
    """Bring a backup back into an empty Kafka, an empty ClickHouse database and an empty state folder.

    Verifies the backup first, makes topics and tables itself, and refuses to touch what is not empty. Needs the same keys as the backup, a
    Kafka user that may do everything with our topics, and a ClickHouse user that may make tables. Accounts that were forgotten after the
    backup are erased again.

    \b
    Example:  hydrometer restore /backup/2026-11-30 && systemctl start hydrometer.target
    """
    from streams.backup import run
    from streams.core.settings import Settings

    done = run.restore(Settings.load(role="backup"), folder, ledger_is_lost=ledger_is_lost, progress=echo)
    echo(f"{folder} is restored: start collect and workers")
    if done.erased:
        echo(f"{len(done.erased)} accounts were forgotten after it: when workers run, finish with `hydrometer forget --after {folder}`")
