"""`make bench-peers`: CPU microseconds an event and seconds from event to row, of Hydrometer and of stream processors that do less.

All read the same JSON events from the same Apache Kafka and write a row an event to the same ClickHouse, one program at a time: at steady
rates, and as fast as it can from a backlog. CPU time is of all processes of a program, read from outside of it; the broker's and
ClickHouse's are shown apart. A round has a fresh broker and a fresh ClickHouse, and each program its turn.

Peers are installed from `peers.lock` into an environment of their own under `build/`. One that cannot be installed, or that ends, is said
to be not run, with the reason.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final
from zlib import crc32

from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from peer_figures import ABOUT, Measured, NotRunError, Run, ratios, show, spread, summary
from peer_sink import TABLE
from peer_traffic import DRAWN_EVENTS, Feeder, Line, lines
from rich.console import Console
from rig import USER, Process, Rig, StuckError, cpu_seconds

from streams.core.repository import ROOT
from streams.devserver import kafka
from streams.schema import topics
from streams.testing import figures
from streams.testing.figures import Figures

HERE: Final = Path(__file__).resolve().parent
BUILD: Final = ROOT / "build" / "bench-peers"
LOCK: Final = HERE / "peers.lock"
DISTRIBUTIONS: Final = {"confluent": "confluent-kafka", "quix": "quixstreams", "bytewax": "bytewax", "pathway": "pathway"}
OURS: Final = "hydrometer"
PARTITIONS: Final = 4
ROUNDS: Final = 3
CHECKPOINT_SECONDS: Final = 10.0
"""Of our worker, six times as often as by default, so that a run of seconds pays its share; no peer keeps its state."""
TABLE_WIDTH: Final = 150
POLL_SECONDS: Final = 0.1
PATIENCE_SECONDS: Final = 180.0
"""Without a further row after which a program is stuck: a busy machine takes a minute to start one."""


@dataclass(frozen=True)
class Size:
    """How much a program is given in a round."""

    rates: Sequence[int] = (300, 2_000)
    steady_seconds: float = 15.0
    """At each rate. CPU time counts until the last row is there, so that a program that falls behind pays for all of its events."""
    idle_seconds: float = 5.0
    warm_up_events: int = 4_000
    backlog_events: int = 60_000


@dataclass(frozen=True)
class Program:
    """What is measured: its processes by part, the topic that it reads and the table that it writes."""

    processes: Mapping[str, Process]
    topic: str
    table: str


@dataclass(frozen=True)
class Spent:
    """CPU seconds until some moment: of the program's parts, of what serves it, of who sends, of the whole machine."""

    at: float
    parts: Mapping[str, float]
    broker: float
    clickhouse: float
    sender: float
    machine: float

    def since(self, before: Spent, events: int) -> tuple[dict[str, float], float, float, float]:
        """Return microseconds an event of parts, broker and ClickHouse, and the cores that anything else was busy with."""
        parts = {name: seconds - before.parts[name] for name, seconds in self.parts.items()}
        broker, clickhouse = self.broker - before.broker, self.clickhouse - before.clickhouse
        other = self.machine - before.machine - sum(parts.values()) - broker - clickhouse - (self.sender - before.sender)
        each = 1e6 / events
        cores = max(0.0, other / (self.at - before.at))
        return {name: seconds * each for name, seconds in parts.items()}, broker * each, clickhouse * each, cores


class Turn:
    """One program in one round."""

    def __init__(self, rig: Rig, program: Program, drawn: Sequence[Line], size: Size) -> None:
        """Measure a program that has just been started."""
        self._rig, self._program, self._size = rig, program, size
        self._feeder = Feeder(rig.kafka.bootstrap, drawn)
        self._sent = 0

    def measure(self) -> Measured:
        """Return what it takes without events, a run a rate, and one of the backlog.

        Raises NotRunError when the program ends or no row comes any more.
        """
        self._feeder.at_once(self._program.topic, self._size.warm_up_events, "warm")
        self._sent += self._size.warm_up_events
        self._wait_for_rows()
        return Measured(self._idle(), [*map(self._steady, self._size.rates), self._backlog()])

    def _idle(self) -> float:
        """Return the milliseconds of CPU a second that the program takes when nothing comes."""
        before = self._spent()
        time.sleep(self._size.idle_seconds)
        parts, *_ = self._spent().since(before, events=1)
        return sum(parts.values()) / 1e3 / self._size.idle_seconds

    def _steady(self, rate: int) -> Run:
        run, before = f"r{rate}", self._spent()
        events = self._feeder.steadily(self._program.topic, rate, self._size.steady_seconds, run)
        ended = time.time()
        self._sent += events
        self._wait_for_rows()
        return self._run(rate, run, events, (before, self._spent()), ended)

    def _backlog(self) -> Run:
        """Freeze the program, fill its topic, and let it go on: who sends does not take part in what is measured."""
        events = self._size.backlog_events
        for process in self._program.processes.values():
            process.freeze()
        self._feeder.at_once(self._program.topic, events, "full")
        before, began = self._spent(), time.time()
        for process in self._program.processes.values():
            process.wake()
        self._sent += events
        self._wait_for_rows()
        return self._run(0, "full", events, (before, self._spent()), began)

    def _run(self, rate: int, run: str, events: int, spent: tuple[Spent, Spent], since: float) -> Run:
        p50, p99, last = self._latency(run)
        parts, broker, clickhouse, others = spent[1].since(spent[0], events)
        wall = last - since + (self._size.steady_seconds if rate else 0.0)
        return Run(rate, parts, broker, clickhouse, p50, p99, events / wall, last - since, others)

    def _latency(self, run: str) -> tuple[float, float, float]:
        """Return median and 99th percentile from an event's time to its row, and when the last row was taken."""
        since = "toFloat64(taken) - toFloat64(time)"
        picked = f"FROM {self._program.table} WHERE startsWith(event_id, %(run)s)"
        query = f"SELECT quantilesExact(0.5, 0.99)({since}), toFloat64(max(taken)) {picked}"
        with self._rig.connected() as client:
            ((quantiles, last),) = client.execute(query, {"run": f"{run}-"})
        return float(quantiles[0]), float(quantiles[1]), float(last)

    def _wait_for_rows(self) -> None:
        """Wait until each event that was sent has a row."""
        with self._rig.connected() as client:
            rows, moved = -1, time.monotonic()
            while rows < self._sent:
                for process in self._program.processes.values():
                    if process.code is not None:
                        raise NotRunError(f"it ended with {process.code}: {_last_line(process)}")
                ((now,),) = client.execute(f"SELECT count() FROM {self._program.table}")  # noqa: S608 - our own names
                if now != rows:
                    rows, moved = now, time.monotonic()
                elif time.monotonic() - moved > PATIENCE_SECONDS:
                    raise NotRunError(f"after {rows:,} of {self._sent:,} rows none came for {PATIENCE_SECONDS:.0f} s")
                time.sleep(POLL_SECONDS)

    def _spent(self) -> Spent:
        parts = {name: process.cpu_seconds for name, process in self._program.processes.items()}
        pids = self._rig.pids()
        broker, clickhouse = cpu_seconds(pids["broker"]), cpu_seconds(pids["clickhouse"])
        return Spent(time.monotonic(), parts, broker, clickhouse, time.process_time(), machine_seconds())


def machine_seconds() -> float:
    """Return the CPU seconds that all processes of the machine have taken; 0 where the kernel does not say."""
    facts = Path("/proc/stat")
    if not facts.is_file():
        return 0.0
    user, nice, system, _idle, _wait, interrupts, soft = map(int, facts.read_text().split("\n", 1)[0].split()[1:8])
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


@contextmanager
def started(rig: Rig, name: str, python: Path) -> Iterator[Program]:
    """Start a program; it is killed at the end."""
    program = _ours(rig) if name == OURS else _peer(rig, name, python)
    try:
        yield program
    finally:
        for process in program.processes.values():
            process.wake()
            process.kill()


def _ours(rig: Rig) -> Program:
    with rig.connected() as client:
        client.execute("ALTER TABLE requests ADD COLUMN IF NOT EXISTS taken DateTime64(6, 'UTC') DEFAULT now64(6)")
    command = [sys.executable, "-m", "streams"]
    collect = rig._start("collect", [*command, "collect", "--topic"], rig.directory / "state-collect")
    worker = rig._start("worker", [*command, "worker"], rig.directory / "state-worker")
    return Program({"collect": collect, "worker": worker}, topics.REQUESTS_RAW, "requests")


def _peer(rig: Rig, name: str, python: Path) -> Program:
    topic, table = f"bench-{name}", f"bench_{name}"
    with rig.connected() as client:
        client.execute(TABLE.format(table=table))
    with closing(KafkaAdminClient(bootstrap_servers=rig.kafka.bootstrap)) as admin:
        admin.create_topics([NewTopic(topic, PARTITIONS, 1)], wait_for_metadata=True)
    where = [rig.kafka.bootstrap, topic, table, str(rig.clickhouse.port), USER, rig.password]
    return Program({name: rig._start(name, [str(python), str(HERE / f"peer_{name}.py"), *where], rig.directory)}, topic, table)


def _last_line(process: Process) -> str:
    said = process.log.read_text(errors="replace").strip().splitlines()
    return said[-1][:300] if said else "it said nothing"


def installed() -> Path:
    """Return the interpreter of the peers' environment, made on the first call.

    Raises NotRunError when they cannot be installed.
    """
    environment, stamp = BUILD / "env", BUILD / f"installed-{crc32(LOCK.read_bytes()):08x}"
    python = environment / "bin" / "python"
    if stamp.exists():
        return python
    shutil.rmtree(BUILD, ignore_errors=True)
    print("installing the peers into build/bench-peers (1.5 GB) ...", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--python", str(python)]
    done = subprocess.run([*uv, "--require-hashes", "-r", str(LOCK)], check=False, capture_output=True, text=True)
    if done.returncode:
        raise NotRunError(f"its environment cannot be installed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1][:300]}")
    stamp.touch()
    return python


def version_of(distribution: str) -> str:
    """Return the version of a distribution that the lock names."""
    named = [line.split()[0].partition("==")[2] for line in LOCK.read_text().splitlines() if line.startswith(f"{distribution}==")]
    return named[0]


@dataclass
class Results:
    """What each program measured in all rounds, and why it was not run in some."""

    names: Sequence[str]
    rounds: dict[str, list[Measured]] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, measure: Callable[[], Measured]) -> None:
        """Measure a program once. One that fails in a round is tried again in the next."""
        try:
            measured = measure()
        except (NotRunError, StuckError) as error:
            self.not_run[name] = str(error)
            print(f"{name}: NOT RUN: {error}", file=sys.stderr)
            return
        self.rounds.setdefault(name, []).append(measured)
        said = ", ".join(f"{run.label} {sum(run.parts.values()):,.0f}" for run in measured.runs)
        print(f"{name}: CPU us an event at {said}; {measured.idle_ms:.0f} ms a second without events", file=sys.stderr)


def in_turn(names: Sequence[str], rounds: int, size: Size, python: Callable[[], Path], folder: Path) -> Iterator[Results]:
    """Measure programs in turn, and return after each round what all rounds so far measured.

    Args:
        names: of the programs.
        rounds: how many.
        size: of each program's turn.
        python: returns the interpreter whose environment holds the peers.
        folder: where a round keeps its broker and its ClickHouse, removed after it.

    """
    drawn, results = lines(DRAWN_EVENTS, PARTITIONS), Results(names)
    for number in range(1, rounds + 1):
        print(f"round {number} of {rounds}", file=sys.stderr)
        with Rig(folder / f"round-{number}", PARTITIONS, CHECKPOINT_SECONDS) as rig:
            for name in _rotated(names, number):
                results.add(name, partial(_once, rig, name, python, drawn, size))
        shutil.rmtree(folder / f"round-{number}", ignore_errors=True)
        yield results


def _once(rig: Rig, name: str, python: Callable[[], Path], drawn: Sequence[Line], size: Size) -> Measured:
    with started(rig, name, Path(sys.executable) if name == OURS else python()) as program:
        return Turn(rig, program, drawn, size).measure()


def _rotated(names: Sequence[str], number: int) -> list[str]:
    """Return the names, each first in turn: what a broker has gathered is nobody's alone."""
    first = number % len(names)
    return [*names[first:], *names[:first]]


def figures_of(results: Results, size: Size) -> Figures:
    """Return all figures, as they are kept."""
    programs = {
        name: {
            "words": ABOUT[name].words,
            "version": version_of(DISTRIBUTIONS[name]) if name in DISTRIBUTIONS else "",
            "does": ABOUT[name].does,
            "lacks": ABOUT[name].lacks,
            "not_run": "" if name in results.rounds else results.not_run.get(name, ""),
            "failed": results.not_run.get(name, ""),
            **summary(results.rounds.get(name, [])),
        }
        for name in results.names
    }
    others = [run.other_cores for rounds in results.rounds.values() for measured in rounds for run in measured.runs] or [0.0]
    return {
        "broker": f"Apache Kafka {kafka.version()}",
        "partitions": PARTITIONS,
        "steady_seconds": size.steady_seconds,
        "backlog_events": size.backlog_events,
        "programs": programs,
        "ratios": ratios(programs, OURS),
        "cores": os.cpu_count() or 1,
        "other_cores": spread(others, 2),
    }


def main() -> int:
    """Measure, print, and write the figures."""
    parser = argparse.ArgumentParser(prog="make bench-peers", description="Measure CPU time an event beside other stream processors.")
    parser.add_argument("names", nargs="*", metavar="PROGRAM", help=", ".join(ABOUT))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--events", type=int, default=Size.backlog_events, help="of the backlog")
    chosen = parser.parse_args()
    names = chosen.names or list(ABOUT)
    size = Size(backlog_events=chosen.events)
    left_out = [name for name in ABOUT if name not in names]
    few = [*left_out, *(["a part of the backlog"] if size.backlog_events < Size.backlog_events else [])]
    console = Console(width=TABLE_WIDTH)
    with tempfile.TemporaryDirectory() as folder:
        for number, results in enumerate(in_turn(names, chosen.rounds, size, installed, Path(folder)), 1):
            kept = figures_of(results, size)  # written after each round: who interrupts it has those that ended
            written = figures.write("bench-peers", kept, command=f"make bench-peers ROUNDS={number}", seed=1, partial=", ".join(few))
    show(console, kept)
    console.print(f"figures -> {written}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
