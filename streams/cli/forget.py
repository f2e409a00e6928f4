"""`hydrometer forget`: erase an account."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli.commands import FILE
from streams.core.errors import HydrometerError
from streams.core.output import echo


@click.command()
@click.argument("account")
@click.option("--by", help="Who decided; the name of this login when unset.")
@click.option("--note", default="", help="The reason or the number of the request. It is in the receipt.")
@click.option("--out", type=FILE, help="File for the receipt; standard output when unset.")
@click.option("--wait", "wait_seconds", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Seconds for each step.")
def forget(*, account: str, by: str | None, note: str, out: Path | None, wait_seconds: float) -> None:
    """Erase an account from state, topics and tables, and print a receipt as JSON. Cases under legal hold are kept.

    Workers must run. Needs the workers' signing key, the Kafka user `privacy`, and a ClickHouse user that may ALTER DELETE.
    The receipt says what is kept, why, and when it ends. New requests of the account are counted from zero: stop them first.

    \b
    Example:  hydrometer forget acct-0042 --note "request 17 of 3 May" --out receipt.json
    """
    import getpass

    import orjson

    from streams.clickhouse.client import connected
    from streams.core.settings import Settings
    from streams.exports.erasure import ErasureOrder, erase

    settings = Settings.load(role="clickhouse")
    if out is not None and out.exists():
        raise HydrometerError(f"{out} exists: name another file for the receipt")
    with connected(settings) as clickhouse:
        receipt = erase(settings, clickhouse, ErasureOrder(account, by or getpass.getuser(), note), wait_seconds)
    text = orjson.dumps(orjson.loads(receipt.encode()), option=orjson.OPT_INDENT_2)
    if out is None:
        echo(text.decode())
        return
    try:
        out.write_bytes(text + b"\n")
    except OSError as error:
        raise HydrometerError(f"{account} is erased, but {out} cannot be written ({error.strerror}): {text.decode()}") from error
    echo(f"{account} is erased: the receipt is {out}")
