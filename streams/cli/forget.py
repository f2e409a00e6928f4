"""`hydrometer forget`: erase an account."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli.commands import FILE
from streams.core.errors import HydrometerError
from streams.core.output import echo


@click.command()
@click.argument("account", required=False)
@click.option("--after", "backup", type=FILE, help="Instead of an account: all that were forgotten after this backup, which was restored.")
@click.option("--by", help="Who decided; the name of this login when unset.")
@click.option("--note", default="", help="The reason or the number of the request. It is in the receipt.")
@click.option("--out", type=FILE, help="File for the receipt; standard output when unset.")
@click.option("--wait", "wait_seconds", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Seconds for each step.")
def forget(*, account: str | None, backup: Path | None, by: str | None, note: str, out: Path | None, wait_seconds: float) -> None:
    """Erase an account from state, topics and tables, and print a receipt as JSON. Cases under legal hold are kept.

    Workers must run. Needs the workers' signing key, the Kafka user `privacy`, and a ClickHouse user that may ALTER DELETE.
    The receipt says what is kept, why, and when it ends. New requests of the account are counted from zero: stop them first.
    The ledger of erasures (HYDROMETER_ERASURES) remembers the account, under a key, for `hydrometer restore`: keep a copy elsewhere.

    \b
    Example:  hydrometer forget acct-0042 --note "request 17 of 3 May" --out receipt.json
              hydrometer forget --after /backup/2026-11-30
    """
    import getpass

    import orjson

    from streams.clickhouse.client import connected
    from streams.core.settings import Settings
    from streams.exports.erasure import ErasureOrder, erase

    if (account is None) == (backup is None):
        raise click.UsageError("Name an account, or a backup that was restored (--after FOLDER).")
    if backup is not None:
        _forget_after(backup, by or getpass.getuser(), wait_seconds)
        return
    settings = Settings.load(role="clickhouse")
    if out is not None and out.exists():
        raise HydrometerError(f"{out} exists: name another file for the receipt")
    with connected(settings) as clickhouse:
        receipt = erase(settings, clickhouse, ErasureOrder(str(account), by or getpass.getuser(), note), wait_seconds)
    text = orjson.dumps(orjson.loads(receipt.encode()), option=orjson.OPT_INDENT_2)
    if out is None:
        echo(text.decode())
        return
    try:
        out.write_bytes(text + b"\n")
    except OSError as error:
        raise HydrometerError(f"{account} is erased, but {out} cannot be written ({error.strerror}): {text.decode()}") from error
    echo(f"{account} is erased: the receipt is {out}")


def _forget_after(folder: Path, by: str, wait_seconds: float) -> None:
    from streams.backup.run import forgotten_after
    from streams.clickhouse.client import connected
    from streams.core.settings import Settings
    from streams.exports.erasure import ErasureOrder, erase

    settings = Settings.load(role="backup")
    accounts = forgotten_after(settings, folder)
    with connected(settings) as clickhouse:
        for number, account in enumerate(accounts, start=1):
            erase(settings, clickhouse, ErasureOrder(account, by, f"after the restore of {folder}"), wait_seconds)
            echo(f"{number} of {len(accounts)} accounts are erased")
    if not accounts:
        echo(f"no account was forgotten after the backup {folder}")
