"""The demonstration: the whole system on this machine, from a log file to a table of cases, in under three minutes.

Nothing is faked: a broker that speaks Kafka's protocol, ClickHouse's own engine, two worker processes and the same `collect` as in
production. Only the traffic is ours, so at the end it can say how many of each kind of account were alerted.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from clickhouse_driver import Client
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from streams import migrate, topics
from streams.demo.log import Role
from streams.demo.schedule import DAY
from streams.demo.traffic import SPAN, demo_traffic
from streams.errors import HydrometerError
from streams.local.broker import EmbeddedBroker
from streams.local.process import LocalClickHouse, local_server, stop
from streams.settings import Settings, variable_of
from streams.ship import ship_files

FOLDER = Path("build/demo")
EVENTS = 60_000
PATIENCE = 150.0
"""Seconds that the stream may take before the demonstration gives up and says where to look."""
SETTLED = 4.0
"""Seconds without a new row after which nothing more is on its way."""
_WORTH_SAYING = 0.5
"""Nats under which a family is left out of a case's line of evidence."""
_TABLES = ("requests", "scores", "alerts", "cases")


class DemoError(HydrometerError):
    """The demonstration did not come to its end. The message says where to look."""


def run(*, keep: bool = False, folder: Path = FOLDER) -> None:
    """Stream generated traffic through the whole system and print the cases; with `keep`, leave it running until Ctrl-C.

    Raises HydrometerError in one line when a part does not start or the stream does not finish. Leaves no process and no port behind.
    """
    console = Console()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as running, _terminated_as_interrupted():
        console.print("[bold]1/4[/] starting a broker and ClickHouse, making topics and tables")
        settings, server = _start(running, folder)
        console.print(f"[bold]2/4[/] drawing two days of traffic: {EVENTS:,} requests of ordinary users, look-alikes and two campaigns")
        traffic = demo_traffic(events=EVENTS, start=time.time() // 60 * 60 - SPAN)
        log = folder / "events.jsonl"
        log.write_bytes(b"".join(line.rstrip(b"\n") + b"\n" for line in traffic.lines()))
        workers = [running.enter_context(_worker(settings, folder, name, agents)) for name, agents in _WORKERS.items()]
        console.print("[bold]3/4[/] collect -> Kafka -> agents -> ClickHouse")
        ship_files([log], settings)
        with _client(settings, server) as client:
            seconds = _wait(console, client, workers, folder)
            console.print(f"[bold]4/4[/] done: {EVENTS:,} requests from log line to case in {seconds:.0f} s\n")
            _report(console, client, traffic.truth)
            _next_steps(console, settings, server, keep=keep)
            if keep:
                signal.pause()


_WORKERS = {"agents": ("accounts", "groups", "cases"), "store": ("store",)}


def _start(running: ExitStack, folder: Path) -> tuple[Settings, LocalClickHouse]:
    broker = running.enter_context(EmbeddedBroker())
    started = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    chosen = Settings(mode="local")
    password = chosen.clickhouse_password.get_secret_value()
    server = running.enter_context(local_server(folder / started / "clickhouse", user=chosen.clickhouse_user, password=password))
    settings = Settings(
        mode="local", kafka=broker.bootstrap, clickhouse_port=server.port, state_dir=folder / started / "state", checkpoint_seconds=10.0
    )
    migrate.run(settings)
    topics.ensure(settings)
    return settings, server


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


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment in which another process finds this demonstration's parts."""
    fields = ("mode", "kafka", "clickhouse_port", "state_dir", "checkpoint_seconds")
    return {**os.environ, **{variable_of(name): str(getattr(settings, name)) for name in fields}}


@contextmanager
def _worker(settings: Settings, folder: Path, name: str, agents: tuple[str, ...]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "streams", "worker", *agents]
    with (folder / f"worker-{name}.log").open("wb") as log:
        child = subprocess.Popen(command, env=environment(settings), stdout=log, stderr=log, start_new_session=True)
        try:
            yield child
        finally:
            stop(child)


@contextmanager
def _client(settings: Settings, server: LocalClickHouse) -> Iterator[Client]:
    client = Client(server.host, server.port, user=server.user, password=server.password, database=settings.clickhouse_database)
    try:
        yield client
    finally:
        client.disconnect()


def _wait(console: Console, client: Client, workers: list[subprocess.Popen[bytes]], folder: Path) -> float:
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
            progress.update(
                bar, completed=now["requests"], description=f"requests stored, {now['scores']:,} scores, {now['alerts']:,} alerts"
            )
            _check(workers, began, seen, folder)
            time.sleep(0.5)
    return moved - began


def _check(workers: list[subprocess.Popen[bytes]], began: float, seen: Mapping[str, int], folder: Path) -> None:
    if any(worker.poll() is not None for worker in workers):
        raise DemoError(f"a worker has stopped: read {folder}/worker-*.log")
    if time.monotonic() - began > PATIENCE:
        raise DemoError(
            f"after {PATIENCE:.0f} s only {seen.get('requests', 0):,} of {EVENTS:,} requests are stored: read {folder}/worker-*.log"
        )


def _report(console: Console, client: Client, truth: Mapping[str, Role]) -> None:
    rows = client.execute(
        "SELECT payload, case_id, behaviour, title, accounts, requests FROM cases FINAL WHERE state = 'open' ORDER BY extraction DESC"
    )
    alerted: set[str] = set()
    for payload, case_id, behaviour, title, accounts, requests in rows:
        case = orjson.loads(payload)
        if behaviour == "extraction":
            alerted |= set(case["members"])
        console.print(_case_panel(case, case_id, behaviour, title, accounts, requests))
    console.print(_truth_table(truth, alerted))


def _case_panel(case: Mapping[str, Any], case_id: str, behaviour: str, title: str, accounts: int, requests: float) -> Panel:
    families = ", ".join(
        f"{name} {nats:+.1f}" for name, nats in sorted(case["families"].items(), key=lambda item: -item[1]) if abs(nats) >= _WORTH_SAYING
    )
    against = (
        "; ".join(f"{check['persona']} ({check['because']})" for check in case["counter_evidence"] if check["fits"])
        or "no benign persona fits"
    )
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    grid.add_row("who", f"{accounts:,} accounts, {requests:,.0f} requests, {case['leak']['output_tokens']:,.0f} output tokens")
    grid.add_row("why", title)
    grid.add_row("evidence", f"{families} (nats by family)")
    grid.add_row("against", against)
    grid.add_row("if wrong", case["if_wrong"])
    grid.add_row("next", case["next_step"])
    return Panel(
        grid, title=f"[bold]{case_id}[/] {behaviour}", title_align="left", border_style="red" if behaviour == "extraction" else "yellow"
    )


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


def _next_steps(console: Console, settings: Settings, server: LocalClickHouse, *, keep: bool) -> None:
    days = f"{SPAN / DAY:.0f}"
    if keep:
        ports = f"127.0.0.1:{server.port} (HTTP {server.http_port})"
        console.print(f"Running until Ctrl-C. Kafka {settings.kafka}, ClickHouse {ports}, user {server.user}.")
        return
    console.print(
        f"These were {days} days of requests. `make demo KEEP=1` leaves it running; `hydrometer replay FILE --out DIR` reads your own logs."
    )
