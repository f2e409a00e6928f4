"""`hydrometer enforcement`: what people decided, at the gateways that obey it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from streams.core.errors import HydrometerError
from streams.core.output import echo

if TYPE_CHECKING:
    from streams.core.settings import Settings
    from streams.enforcement.connector import Connector
    from streams.enforcement.engine import ApplyOutcome, Memory
    from streams.enforcement.orders import Order

_TO = click.option(
    "--to",
    "targets",
    multiple=True,
    required=True,
    metavar="CONNECTOR=TARGET",
    help="litellm=FILE, litellm_admin=CREDENTIALS, envoy=FILE, kong=FILE, csv=FILE, crowdsec=CREDENTIALS, webhook=URL; repeat it for more.",
)
_CANARY = click.option(
    "--canary", type=click.FloatRange(0.0, 1.0), default=1.0, show_default=True, help="Share of each decision's accounts to begin with."
)


@click.group()
def enforcement() -> None:
    """Put approved decisions at gateways, and take them away when they expire or are undone.

    \b
    Example:  hydrometer enforcement plan --to litellm=orders.json
              hydrometer enforcement apply --to litellm=orders.json --every 30
    """


@enforcement.command("plan")
@_TO
@_CANARY
def plan_orders(*, targets: tuple[str, ...], canary: float) -> None:
    """Print what `apply` would do, and do nothing.

    \b
    Example:  hydrometer enforcement plan --to envoy=envoy-orders.yaml --canary 0.1
    """
    from streams.enforcement import engine

    settings, wanted = _wanted(canary)
    for name, connector in _opened(settings, targets):
        _print(name, engine.apply(connector, wanted, dry_run=True), wanted)


@enforcement.command("apply")
@_TO
@_CANARY
@click.option("--every", "interval_seconds", type=click.FloatRange(min=1.0), help="Do it again after as many seconds, until Ctrl-C.")
@click.option("--resume", is_flag=True, help="Start again after `stop`.")
def apply_orders(*, targets: tuple[str, ...], canary: float, interval_seconds: float | None, resume: bool) -> None:
    """Bring gateways to what is decided: put what is missing, remove what expired or was undone.

    \b
    Example:  hydrometer enforcement apply --to kong=kong.yaml
              hydrometer enforcement apply --to litellm=orders.json --every 30
    """
    import time

    from streams.enforcement import engine

    if resume:
        _memory(_settings()).stop(stopped=False)
    while True:
        settings, wanted = _wanted(canary)
        memory = _memory(settings)
        memory.check()
        failed = 0
        for name, connector in _opened(settings, targets):
            outcome = engine.apply(connector, wanted)
            if not outcome.failed:
                memory.applied(name, {key: order for key, order in wanted.items() if order.measure in connector.measures})
            failed += len(outcome.failed)
            _print(name, outcome, wanted)
        if interval_seconds is None:
            _raise_for(failed)
            return
        time.sleep(interval_seconds)


@enforcement.command("status")
@_TO
@_CANARY
def show_status(*, targets: tuple[str, ...], canary: float) -> None:
    """Print which orders each gateway obeys, and what differs from what is decided.

    \b
    Example:  hydrometer enforcement status --to csv=orders.csv
    """
    from streams.enforcement import engine

    settings, wanted = _wanted(canary)
    for name, connector in _opened(settings, targets):
        difference = engine.plan(connector, wanted)
        drift = ", ".join(
            f"{len(names)} {word}"
            for word, names in (("missing", difference.add), ("differ", difference.change), ("too many", difference.remove))
            if names
        )
        echo(f"{name}: {len(difference.keep)} of {len(wanted)} orders are obeyed; {f'drift: {drift}' if drift else 'no drift'}")
        for key in difference.keep:
            echo(f"  {_line(wanted[key])}")


@enforcement.command("rollback")
@_TO
def roll_back(*, targets: tuple[str, ...]) -> None:
    """Bring gateways back to the run before the last one; what was undone or has expired does not come back.

    \b
    Example:  hydrometer enforcement rollback --to kong=kong.yaml
    """
    from streams.enforcement import engine

    settings, wanted = _wanted(1.0)
    memory, failed = _memory(settings), 0
    for name, connector in _opened(settings, targets):
        before = memory.before(name, wanted)
        outcome = engine.apply(connector, before)
        if not outcome.failed:
            memory.applied(name, before)
        failed += len(outcome.failed)
        _print(name, outcome, wanted)
    _raise_for(failed)


@enforcement.command("stop")
@_TO
def stop_all(*, targets: tuple[str, ...]) -> None:
    """In an emergency: remove every order of Hydrometer from these gateways, and apply none until `apply --resume`.

    \b
    Example:  hydrometer enforcement stop --to litellm=orders.json --to envoy=envoy-orders.yaml
    """
    from streams.enforcement import engine

    settings, failed = _settings(), 0
    _memory(settings).stop(stopped=True)
    for name, connector in _opened(settings, targets):
        outcome = engine.apply(connector, {})
        failed += len(outcome.failed)
        _print(name, outcome, {})
    _raise_for(failed)


def _settings() -> Settings:
    from streams.core.settings import Settings

    return Settings.load(role="clickhouse")


def _memory(settings: Settings) -> Memory:
    from streams.enforcement.engine import Memory

    return Memory(settings.state_dir / "enforcement.json")


def _wanted(canary: float) -> tuple[Settings, dict[str, Order]]:
    """Return the orders of the decisions that ClickHouse holds."""
    import time

    from streams.clickhouse.client import connected
    from streams.enforcement.decided import decisions
    from streams.enforcement.orders import orders

    settings = _settings()
    with connected(settings) as clickhouse:
        return settings, orders(decisions(clickhouse), time.time(), canary)


def _opened(settings: Settings, targets: tuple[str, ...]) -> list[tuple[str, Connector]]:
    """Return the connectors of `--to`, each under its name and target. Raises UsageError, ConnectorError."""
    from streams.enforcement.connector import connectors

    opened: list[tuple[str, Connector]] = []
    for text in targets:
        name, equals, target = text.partition("=")
        if name not in connectors() or not equals or not target:
            raise click.UsageError(f"Write --to CONNECTOR=TARGET, with a connector of {', '.join(connectors())}.")
        opened.append((text if name != "webhook" else name, connectors()[name].open(target, settings)))
    return opened


def _print(name: str, outcome: ApplyOutcome, wanted: Mapping[str, Order]) -> None:
    plan = outcome.plan
    echo(f"{name}: {len(plan.add)} to add, {len(plan.change)} to change, {len(plan.remove)} to remove, {len(plan.keep)} as they are")
    for word, names in (("+", plan.add), ("~", plan.change), ("-", plan.remove)):
        for key in names:
            failed = f": failed: {outcome.failed[key]}" if key in outcome.failed else ""
            echo(f"  {word} {_line(wanted[key]) if key in wanted else key}{failed}")
    for key in plan.impossible:
        echo(f"  ! {_line(wanted[key])}: this connector cannot do it")


def _line(order: Order) -> str:
    from datetime import UTC, datetime

    until = datetime.fromtimestamp(order.expires, UTC).strftime("%Y-%m-%d %H:%M")
    return f"{order.order_id} {order.measure} {len(order.accounts)} accounts until {until} (UTC)"


def _raise_for(failed: int) -> None:
    if failed:
        raise HydrometerError(f"{failed} orders failed, the others are done: correct what is named above, and apply again")
