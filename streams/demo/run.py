"""The demonstration: the whole system on this machine, from a log file to a table of cases, in under three minutes.

All parts are real: a broker with Kafka's protocol, ClickHouse's own engine, two worker processes and the same `collect` as in
production. Only the traffic is ours, so at the end it can say how many of each kind of account were alerted.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from clickhouse_driver import Client
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from models.durations import DAY
from streams.cases.views import terminal
from streams.clickhouse.batch_writer import MAX_BATCH_SECONDS
from streams.clickhouse.client import connected
from streams.core.errors import HydrometerError
from streams.core.output import console
from streams.core.settings import Settings
from streams.demo.log import Role
from streams.demo.traffic import SPAN_SECONDS, demo_traffic
from streams.desk.serve import serve
from streams.desk.sessions import Person
from streams.devserver.system import System, local_system
from streams.intake.block_producer import send_files

FOLDER = Path("build/demo")
DEMO_EVENTS = 60_000
MAX_STALL_SECONDS = 120.0
"""Time without any progress after which the demonstration gives up and names the logs to read"""
DESK_PORT = 8700
"""Where the desk of a kept demonstration is, unless something else listens there."""
QUIET_SECONDS = MAX_BATCH_SECONDS + 3.0
"""Time without a new row after which the stream has ended: the store writes within five seconds."""
_TABLES = ("requests", "scores", "alerts", "cases")


class DemoError(HydrometerError):
    """The demonstration did not finish. The message names the logs to read."""


def run(*, keep: bool = False, folder: Path = FOLDER) -> None:
    """Stream generated traffic through the whole system and print the cases; with `keep`, leave it running until Ctrl-C.

    A demonstration that still runs keeps its folder: another one takes the next. Raises HydrometerError when a part does not start or the
    stream makes no progress. It leaves no process and no open port.
    """
    screen = console()
    with ExitStack() as running:
        folder = running.enter_context(own_folder(folder))
        screen.print("[bold]1/4[/] starting a broker and ClickHouse, making topics and tables")
        system = running.enter_context(local_system(folder, checkpoint_seconds=10.0))
        screen.print(f"[bold]2/4[/] drawing two days of traffic: {DEMO_EVENTS:,} requests of ordinary users, look-alikes and two campaigns")
        traffic = demo_traffic(events=DEMO_EVENTS, start=time.time() // 60 * 60 - SPAN_SECONDS)
        log = system.folder / "events.jsonl"
        log.write_bytes(b"".join(line.rstrip(b"\n") + b"\n" for line in traffic.lines()))
        for name, agents in _WORKERS.items():
            system.start(name, agents)
        screen.print("[bold]3/4[/] collect -> Kafka -> agents -> ClickHouse")
        began = time.monotonic()
        send_files([log], system.settings)
        with system.client() as client:
            seconds = _wait(screen, client, system, began)
            screen.print(f"[bold]4/4[/] done: the last case stood {seconds:.0f} s after the first of {DEMO_EVENTS:,} log lines was sent\n")
            _report(screen, system.settings, traffic.truth)
            _next_steps(screen, system, keep=keep)
            if keep:
                _open_desk(screen, system.settings)


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """Hold an empty folder: this one, or, while another demonstration holds it, the next (`demo-2`, `demo-3`, ...)."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        chosen = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        with chosen.with_name(f"{chosen.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(chosen, ignore_errors=True)  # about 100 MB per run; only the last one is useful
            yield chosen
            return


def _open_desk(screen: Console, settings: Settings) -> None:
    """Serve the desk until Ctrl-C, and print a link for two people: from L3 on a step needs both."""
    people = [Person("ada", "analyst"), Person("bob", "approver")]

    def announce(line: str) -> None:
        screen.print(f"  {line}", soft_wrap=True, highlight=False)

    screen.print("The desk, in two browsers or windows:")
    asyncio.run(serve(settings, ("127.0.0.1", free_port(DESK_PORT)), people, announce))


def free_port(wanted: int) -> int:
    """Return this port of the loopback interface, or another when it is taken. Raises DemoError when no port is free."""
    for port in (wanted, 0):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                tried.bind(("127.0.0.1", port))
                return int(tried.getsockname()[1])
    raise DemoError("no port of 127.0.0.1 is free: end another program")


_LEGEND = (
    "[dim]Evidence is in nats. From +2 a family counts as evidence, +7 is its maximum, and no single family is enough. Extraction: the "
    "traffic copies the model. Routing: it comes through a router or reseller, whose users need not copy anything.[/]\n"
)
_SPARED = {"grey reseller": "none: in a routing case"}

_WORKERS = {"agents": ("accounts", "groups", "cases"), "store": ("store",)}


def _wait(screen: Console, client: Client, system: System, began: float) -> float:
    """Wait until no more rows arrive, and return the seconds from `began` to the last case."""
    moved = time.monotonic()
    seen: dict[str, int] = {}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen) as progress:
        bar = progress.add_task("requests stored", total=DEMO_EVENTS)
        while time.monotonic() - moved < QUIET_SECONDS or seen.get("requests", 0) < DEMO_EVENTS:
            now = {table: int(client.execute(f"SELECT count() FROM {table}")[0][0]) for table in _TABLES}  # noqa: S608 (constants)
            if now != seen:
                seen, moved = now, time.monotonic()
            told = f"{now['scores']:,} scores, {now['alerts']:,} alerts, requests stored:"
            progress.update(bar, completed=now["requests"], description=told)
            system.check()
            if time.monotonic() - moved > MAX_STALL_SECONDS:
                stored = f"{now['requests']:,} of {DEMO_EVENTS:,} requests are stored"
                raise DemoError(f"nothing has moved for {MAX_STALL_SECONDS:.0f} s, {stored}: read {system.folder}/worker-*.log")
            time.sleep(0.5)
    return moved - began


def _report(screen: Console, settings: Settings, truth: Mapping[str, Role]) -> None:
    with connected(settings) as clickhouse:
        cases = terminal.newest(clickhouse)
    for case in cases:
        screen.print(terminal.panel(case))
    screen.print(_LEGEND)
    alerted = {account for case in cases if case.behaviour == "extraction" for account in case.payload.members}
    screen.print(_truth_table(truth, alerted))


def _truth_table(truth: Mapping[str, Role], alerted: set[str]) -> Table:
    """Return the drawn roles with their accounts, and how many are in an extraction case. The roles are not in the log."""
    drawn = Counter(role.persona for role in truth.values())
    alerted_count = Counter(truth[account].persona for account in alerted if account in truth)
    campaigns = {role.persona for role in truth.values() if role.campaign}
    table = Table(title="True roles of the traffic (known to the generator only)", title_justify="left")
    table.add_column("drawn as")
    table.add_column("accounts", justify="right")
    table.add_column("in an extraction case", justify="right")
    table.add_column("should be")
    for kind, count in drawn.most_common():
        table.add_row(kind, f"{count:,}", f"{alerted_count[kind]:,}", "all: a campaign" if kind in campaigns else _SPARED.get(kind, "none"))
    return table


def _next_steps(screen: Console, system: System, *, keep: bool) -> None:
    days = f"{SPAN_SECONDS / DAY:.0f}"
    if keep:
        ports = f"127.0.0.1:{system.server.port} (HTTP {system.server.http_port})"
        screen.print(f"Running until Ctrl-C. Kafka {system.settings.kafka}, ClickHouse {ports}, user {system.server.user}.")
        screen.print("In another terminal:")
        variables = f"HYDROMETER_KAFKA={system.settings.kafka} HYDROMETER_CLICKHOUSE_PORT={system.server.port}"
        variables += f" HYDROMETER_STATE_DIR={system.settings.state_dir}"
        screen.print(f"  export HYDROMETER_MODE=local {variables}", soft_wrap=True, highlight=False)
        screen.print("  .venv/bin/hydrometer case list", highlight=False)
        return
    screen.print(f"The log had {days} days of requests, newly drawn in each run: {system.folder}/events.jsonl.")
    screen.print("`make demo KEEP=1` leaves it running; `make replay FILES=your.jsonl OUT=build/replay` reads your own logs.")
