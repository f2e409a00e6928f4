"""`hydrometer account`: what is known of one account."""

from __future__ import annotations

import click

from streams.core.errors import HydrometerError
from streams.core.output import echo
from streams.core.printable import printable


@click.group()
def account() -> None:
    """Show what is known of an account.

    \b
    Example:  hydrometer account show acct-0042
    """


@account.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def show_account(*, name: str, as_json: bool) -> None:
    """Show an account: its requests, its newest scores, its cases, and what people did about it.

    Everything that is stored, for the person behind it: `hydrometer export account`.

    \b
    Example:  hydrometer account show acct-0042
              hydrometer account show acct-0042 --json
    """
    import msgspec

    from streams.clickhouse.client import connected
    from streams.core.output import console
    from streams.desk import account_view
    from streams.desk.queries import DeskQueries

    with connected() as clickhouse:
        view = account_view.read(DeskQueries(clickhouse), name)
    if view is None:
        raise HydrometerError(f"{name} has neither a request nor a score nor a case: check its spelling")
    if as_json:
        echo(printable(msgspec.json.format(msgspec.json.encode(view), indent=2).decode()))
    else:
        console().print(account_view.table(view))
