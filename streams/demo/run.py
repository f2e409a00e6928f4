"""The demonstration: the whole system on this machine, from a log file to a decision that a gateway obeys, in under three minutes.

All parts are real: a broker with Kafka's protocol, ClickHouse's own engine, two worker processes and the same `collect` as in
production. Only the traffic is ours, so at the end it can say how many of each kind of account were alerted.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import secrets
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path

from clickhouse_driver import Client
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from models.durations import DAY
from streams.cases.views import terminal
from streams.cases.views.terminal import CaseRow
from streams.clickhouse.batch_writer import MAX_BATCH_SECONDS
from streams.clickhouse.client import connected
from streams.core.errors import HydrometerError
from streams.core.output import console
from streams.core.settings import Settings
from streams.demo import decision
from streams.demo.gateway import gateway
from streams.demo.log import TrueRole
from streams.demo.traffic import SPAN_SECONDS, demo_traffic
from streams.desk.serve import serve
from streams.devserver.system import FREE_PORTS, Ports, System, local_system
from streams.intake.block_producer import send_files

FOLDER = Path("build/demo")
DEMO_EVENTS = 60_000
MAX_STALL_SECONDS = 120.0
"""Time without any progress after which the demonstration gives up and names the logs to read"""
KEPT_PORTS = (9092, 9000, 8123)
"""Kafka, ClickHouse's native protocol and its HTTP interface of a kept demonstration, unless something else listens there."""
DESK_PORT, GATEWAY_PORT = 8700, 8701
"""Its desk and its gateway, likewise."""
SETTLED_SECONDS = MAX_BATCH_SECONDS + 3.0
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
        screen.print("[bold]1/5[/] starting a broker and ClickHouse, making topics and tables")
        ports = Ports(*map(free_port, KEPT_PORTS)) if keep else FREE_PORTS
        evidence_key = SecretStr(secrets.token_hex(32))
        system = running.enter_context(local_system(folder, ports=ports, checkpoint_seconds=10.0, evidence_key=evidence_key))
        screen.print(f"[bold]2/5[/] drawing two days of traffic: {DEMO_EVENTS:,} requests of ordinary users, look-alikes and two campaigns")
        traffic = demo_traffic(events=DEMO_EVENTS, start=time.time() // 60 * 60 - SPAN_SECONDS)
        log = system.folder / "events.jsonl"
        log.write_bytes(b"".join(line.rstrip(b"\n") + b"\n" for line in traffic.lines()))
        for name, agents in _WORKERS.items():
            system.start(name, agents)
        screen.print("[bold]3/5[/] collect -> Kafka -> agents -> ClickHouse")
        began = time.monotonic()
        send_files([log], system.settings)
        with system.client() as client:
            seconds = _wait(screen, client, system, began)
            screen.print(f"[bold]4/5[/] the last case stood {seconds:.0f} s after the first of {DEMO_EVENTS:,} log lines was sent\n")
            worst = _report(screen, system.settings, traffic.truth)
            if keep:
                leave_to_people(screen, system, worst)
            else:
                decide(screen, system, worst)


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


def decide(screen: Console, system: System, case: CaseRow) -> None:
    """Propose, approve and undo a step, and say what a gateway answers; then hand the case over as a bundle."""
    screen.print(f"[bold]5/5[/] people decide about {case.case_id}: nothing is enforced by a score")
    with decision.applying(system), gateway(decision.orders_file(system)) as address:
        proposal = decision.propose(system, case)
        suspended = len(proposal.decision.payload.members)
        _print_step(screen, f"ada proposes to suspend the keys of {suspended} accounts", decision.ask_both(address, proposal.decision))
        approved = decision.approve(system, proposal)
        refused = decision.wait_until_answered(address, proposal.decision, HTTPStatus.FORBIDDEN, system)
        _print_step(screen, "bob approves it (L3: another person than ada)", refused)
        decision.undo(system, approved)
        served = decision.wait_until_answered(address, proposal.decision, HTTPStatus.OK, system)
        _print_step(screen, "bob undoes it", served)
    _hand_over(screen, system, case)
    screen.print(f"\nThe log had {SPAN_SECONDS / DAY:.0f} days of requests, newly drawn in each run: {system.folder}/events.jsonl.")
    screen.print("`make demo KEEP=1` leaves it running; `make replay FILES=your.jsonl OUT=build/replay` reads your own logs.")


def leave_to_people(screen: Console, system: System, case: CaseRow) -> None:
    """Propose a step, and leave the rest to people at the desk until Ctrl-C: a gateway waits for what they approve."""
    _hand_over(screen, system, case)
    proposal = decision.propose(system, case)
    account = min(proposal.decision.payload.members)
    screen.print(f"\n[bold]5/5[/] ada proposes to suspend the keys of {case.case_id}: approve it at the desk as bob, and this is refused:")
    with decision.applying(system), gateway(decision.orders_file(system), free_port(GATEWAY_PORT)) as address:
        screen.print(f"  curl -d '{{}}' -H 'Authorization: Bearer {account}' {address}", soft_wrap=True, highlight=False, markup=False)
        ports = f"127.0.0.1:{system.server.port} (HTTP {system.server.http_port})"
        screen.print(f"Running until Ctrl-C. Kafka {system.settings.kafka}, ClickHouse {ports}, user {system.server.user}.")
        screen.print("In another terminal:")
        variables = f"HYDROMETER_KAFKA={system.settings.kafka} HYDROMETER_CLICKHOUSE_PORT={system.server.port}"
        variables += f" HYDROMETER_STATE_DIR={system.settings.state_dir}"
        screen.print(f"  export HYDROMETER_MODE=local {variables}", soft_wrap=True, highlight=False)
        screen.print("  .venv/bin/hydrometer case list", highlight=False)
        screen.print("The desk, in two browsers or windows:")
        people = [decision.ANALYST, decision.APPROVER]
        asyncio.run(serve(system.settings, ("127.0.0.1", free_port(DESK_PORT)), people, partial(_line, screen)))


def _line(screen: Console, text: str) -> None:
    screen.print(f"  {text}", soft_wrap=True, highlight=False)


def _print_step(screen: Console, deed: str, answers: Sequence[decision.Answered]) -> None:
    """Print what was done, and what the gateway then answers to an account of the case and to another."""
    screen.print(f"  {deed}")
    for answered in answers:
        screen.print(f"    {answered.account}: HTTP {answered.status}, {answered.notice}", soft_wrap=True, highlight=False, markup=False)


def _hand_over(screen: Console, system: System, case: CaseRow) -> None:
    folder, key, checked = decision.bundle(system, case)
    screen.print("  a signed bundle of the case for a partner, checked with the public key alone:")
    screen.print(f"    .venv/bin/hydrometer export verify {folder} --key {key}", soft_wrap=True, highlight=False, markup=False)
    screen.print(f"    {checked.strip()}", soft_wrap=True, highlight=False, markup=False)


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
        while time.monotonic() - moved < SETTLED_SECONDS or seen.get("requests", 0) < DEMO_EVENTS:
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


def _report(screen: Console, settings: Settings, truth: Mapping[str, TrueRole]) -> CaseRow:
    """Print the cases and how many of each drawn role they name; return the strongest extraction case. Raises DemoError without one."""
    with connected(settings) as clickhouse:
        cases = terminal.newest(clickhouse)
    for case in cases:
        screen.print(terminal.panel(case))
    screen.print(_LEGEND)
    alerted = {account for case in cases if case.behaviour == "extraction" for account in case.payload.members}
    screen.print(_truth_table(truth, alerted))
    extraction = [case for case in cases if case.behaviour == "extraction"]
    if not extraction:
        raise DemoError("no extraction case stands, though the traffic has two campaigns: run it again, and report it with its log")
    return max(extraction, key=lambda case: case.extraction)


def _truth_table(truth: Mapping[str, TrueRole], alerted: set[str]) -> Table:
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
