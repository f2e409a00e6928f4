"""The demonstration: the whole system on this machine, from a log file to a table of cases, in under three minutes.

Nothing is faked: a broker that speaks Kafka's protocol, ClickHouse's own engine, two worker processes and the same `collect` as in
production. Only the traffic is ours, so at the end it can say how many of each kind of account were alerted.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from clickhouse_driver import Client
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from streams import casebook
from streams.demo.log import Role
from streams.demo.schedule import DAY
from streams.demo.traffic import SPAN, demo_traffic
from streams.errors import HydrometerError
from streams.local.system import System, local_system
from streams.settings import Settings
from streams.ship import ship_files
from streams.sinks.clickhouse import ClickHouse
from streams.store import SECONDS

FOLDER = Path("build/demo")
EVENTS = 60_000
PATIENCE = 150.0
"""Seconds that the stream may take before the demonstration gives up and says where to look."""
SETTLED = SECONDS + 3.0
"""Seconds without a new row after which nothing more is on its way: the store writes within five."""
_TABLES = ("requests", "scores", "alerts", "cases")


class DemoError(HydrometerError):
    """The demonstration did not come to its end. The message says where to look."""


def run(*, keep: bool = False, folder: Path = FOLDER) -> None:
    """Stream generated traffic through the whole system and print the cases; with `keep`, leave it running until Ctrl-C.

    Raises HydrometerError in one line when a part does not start or the stream does not finish. Leaves no process and no port behind.
    """
    console = Console()
    started = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    with ExitStack() as running, _terminated_as_interrupted():
        console.print("[bold]1/4[/] starting a broker and ClickHouse, making topics and tables")
        system = running.enter_context(local_system(folder / started, checkpoint_seconds=10.0))
        console.print(f"[bold]2/4[/] drawing two days of traffic: {EVENTS:,} requests of ordinary users, look-alikes and two campaigns")
        traffic = demo_traffic(events=EVENTS, start=time.time() // 60 * 60 - SPAN)
        log = system.folder / "events.jsonl"
        log.write_bytes(b"".join(line.rstrip(b"\n") + b"\n" for line in traffic.lines()))
        for name, agents in _WORKERS.items():
            system.start(name, agents)
        console.print("[bold]3/4[/] collect -> Kafka -> agents -> ClickHouse")
        ship_files([log], system.settings)
        with system.client() as client:
            seconds = _wait(console, client, system)
            console.print(f"[bold]4/4[/] done: {EVENTS:,} requests from log line to case in {seconds:.0f} s\n")
            _report(console, system.settings, traffic.truth)
            _next_steps(console, system, keep=keep)
            if keep:
                signal.pause()


_WORKERS = {"agents": ("accounts", "groups", "cases"), "store": ("store",)}


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM unwind as Ctrl-C does, so that every child is stopped."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _wait(console: Console, client: Client, system: System) -> float:
    """Watch the rows arrive until nothing more does, and return the seconds it took."""
    began = moved = time.monotonic()
    seen: dict[str, int] = {}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("requests stored", total=EVENTS)
        while time.monotonic() - moved < SETTLED or seen.get("requests", 0) < EVENTS:
            now = {table: int(client.execute(f"SELECT count() FROM {table}")[0][0]) for table in _TABLES}  # noqa: S608 (constants)
            if now != seen:
                seen, moved = now, time.monotonic()
            told = f"requests stored, {now['scores']:,} scores, {now['alerts']:,} alerts"
            progress.update(bar, completed=now["requests"], description=told)
            system.check()
            if time.monotonic() - began > PATIENCE:
                stored = f"{now['requests']:,} of {EVENTS:,} requests are stored"
                raise DemoError(f"after {PATIENCE:.0f} s only {stored}: read {system.folder}/worker-*.log")
            time.sleep(0.5)
    return moved - began


def _report(console: Console, settings: Settings, truth: Mapping[str, Role]) -> None:
    with closing(ClickHouse(settings)) as clickhouse:
        cases = casebook.newest(clickhouse)
    for case in cases:
        console.print(casebook.panel(case))
    alerted = {account for case in cases if case.behaviour == "extraction" for account in case.payload["members"]}
    console.print(_truth_table(truth, alerted))


def _truth_table(truth: Mapping[str, Role], alerted: set[str]) -> Table:
    """Return who was drawn as what, and how many of them are in an extraction case. The pipeline never saw these names."""
    everyone, found = (
        Counter(_kind(role) for role in truth.values()),
        Counter(_kind(truth[account]) for account in alerted if account in truth),
    )
    table = Table(title="What the traffic really was (only the generator knows)", title_justify="left")
    for heading, justify in (("drawn as", "left"), ("accounts", "right"), ("in an extraction case", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for kind, count in everyone.most_common():
        table.add_row(kind, f"{count:,}", f"{found[kind]:,}")
    return table


def _kind(role: Role) -> str:
    return f"{role.persona} (campaign)" if role.campaign else role.persona


def _next_steps(console: Console, system: System, *, keep: bool) -> None:
    days = f"{SPAN / DAY:.0f}"
    if keep:
        ports = f"127.0.0.1:{system.server.port} (HTTP {system.server.http_port})"
        console.print(f"Running until Ctrl-C. Kafka {system.settings.kafka}, ClickHouse {ports}, user {system.server.user}.")
        console.print(f"HYDROMETER_MODE=local HYDROMETER_CLICKHOUSE_PORT={system.server.port} hydrometer case list", soft_wrap=True)
        return
    console.print(
        f"These were {days} days of requests. `make demo KEEP=1` leaves it running; `hydrometer replay FILE --out DIR` reads your own logs."
    )
