"""What `make bench-peers` measured: of each run, and of all rounds together."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

from streams.testing.figures import Figures

BACKLOG: Final = "full"
MAX_DRAIN_SECONDS: Final = 10.0
"""A rate was held if all rows were there so soon after the last event."""


class NotRunError(Exception):
    """A peer cannot be measured here; the message says why."""


@dataclass(frozen=True)
class About:
    """What a program does and what it leaves out."""

    words: str
    does: str
    lacks: str


_JOB: Final = "decodes JSON, 4 River statistics an account, one HalfSpaceTrees (10 x 8), a row an event"
_NOT: Final = "no sketch of the prompt, no groups, no cases"
ABOUT: Final[Mapping[str, About]] = {
    "hydrometer": About(
        "`hydrometer collect --topic` and one `hydrometer worker`",
        "checks each line, sketches and drops the prompt, all features of accounts and groups, scores, cases, alerts, rows of all tables; "
        "state survives a crash, each event counts once",
        "no forest an event: its detectors in shadow, HalfSpaceTrees among them, score when a row of scores is due",
    ),
    "confluent": About("a loop of confluent-kafka", _JOB, f"{_NOT}; its state is lost with the process"),
    "quix": About("Quix Streams", _JOB, f"{_NOT}; state in the process, not in its RocksDB, which costs more"),
    "bytewax": About("Bytewax", _JOB, f"{_NOT}; state in the process, without its recovery store"),
    "pathway": About("Pathway", _JOB, f"{_NOT}; state in the process, without its persistence; within 100 ms events come in any order"),
}


@dataclass(frozen=True)
class Run:
    """One program at one rate in one round. CPU time in microseconds an event."""

    rate: int
    """Events a second; 0 is from a backlog, as fast as it can."""
    parts: dict[str, float]
    """Of each process of the program."""
    broker: float
    clickhouse: float
    p50_seconds: float
    p99_seconds: float
    """From an event's time to its row."""
    events_a_second: float
    drain_seconds: float
    """From the last event to the last row."""
    other_cores: float
    """Cores that the rest of the machine was busy with meanwhile: neither this, nor the broker, nor ClickHouse, nor who sends."""

    @property
    def label(self) -> str:
        """Return the rate as a key of JSON."""
        return str(self.rate) if self.rate else BACKLOG


def spread(values: Sequence[float], digits: int = 1) -> Figures:
    """Return the least, the median and the most."""
    return {
        "min": round(min(values), digits),
        "median": round(statistics.median(values), digits),
        "max": round(max(values), digits),
    }


@dataclass(frozen=True)
class Measured:
    """One program in one round."""

    idle_ms: float
    """Of CPU a second, when nothing comes."""
    runs: Sequence[Run]


def summary(rounds: Sequence[Measured]) -> Figures:
    """Return what several rounds measured of a program: without events, and by rate."""
    by_rate: dict[str, list[Run]] = {}
    for run in (run for measured in rounds for run in measured.runs):
        by_rate.setdefault(run.label, []).append(run)
    idle = {"idle_ms_a_second": spread([measured.idle_ms for measured in rounds])} if rounds else {}
    return {**idle, "rates": {label: _of_rate(group) for label, group in by_rate.items()}}


def _of_rate(runs: Sequence[Run]) -> Figures:
    return {
        "rounds": len(runs),
        "cpu_us": spread([sum(run.parts.values()) for run in runs]),
        "parts_us": {part: round(statistics.median(run.parts[part] for run in runs), 1) for part in runs[0].parts},
        "broker_us": spread([run.broker for run in runs]),
        "clickhouse_us": spread([run.clickhouse for run in runs]),
        "p50_seconds": spread([run.p50_seconds for run in runs], 3),
        "p99_seconds": spread([run.p99_seconds for run in runs], 3),
        "events_a_second": spread([run.events_a_second for run in runs], 0),
        "rounds_held": sum(run.drain_seconds <= MAX_DRAIN_SECONDS for run in runs),
        "other_cores": spread([run.other_cores for run in runs], 2),
    }


def ratios(programs: Mapping[str, Figures], ours: str) -> Figures:
    """Return by rate how many times our CPU time an event the best peer's is: over 1 we are cheaper."""
    return {
        label: {"best": best, "best_peer_us / ours": round(programs[best]["rates"][label]["cpu_us"]["median"] / own["cpu_us"]["median"], 2)}
        for label, own in programs.get(ours, {"rates": {}})["rates"].items()
        if (best := _best(programs, ours, label))
    }


def _best(programs: Mapping[str, Figures], ours: str, label: str) -> str:
    peers = [name for name, figures in programs.items() if name != ours and label in figures["rates"]]
    return min(peers, key=lambda name: float(programs[name]["rates"][label]["cpu_us"]["median"]), default="")


def show(console: Console, measured: Figures) -> None:
    """Print the table, what each program does, and the ratios."""
    table = Table(title="microseconds of CPU an event: median (least to most)", title_justify="left")
    for heading in ("program", "events a second", "the program", "broker", "ClickHouse", "handled/s", "to row p50, p99, seconds", "held"):
        table.add_column(heading, justify="left" if heading == "program" else "right")
    for name, figures in measured["programs"].items():
        for label, each in figures["rates"].items():
            served = [f"{each[which]['median']:,.0f}" for which in ("broker_us", "clickhouse_us", "events_a_second")]
            table.add_row(name, label, shown(each["cpu_us"]), *served, *_timed(label, each))
            for part, value in each["parts_us"].items() if len(each["parts_us"]) > 1 else ():
                table.add_row("", f"of which {part}", f"{value:,.0f}")
    console.print(table)
    for name, figures in measured["programs"].items():
        if figures["rates"]:
            console.print(f"{name} without events: {shown(figures['idle_ms_a_second'])} ms of CPU a second")
    for name, figures in measured["programs"].items():
        about = f"NOT RUN: {figures['not_run']}" if figures["not_run"] else f"{figures['does']}; lacks: {figures['lacks']}"
        console.print(f"{name} {figures['version']}: {about}")
    for label, ratio in measured["ratios"].items():
        console.print(f"{label}: the best peer ({ratio['best']}) takes {ratio['best_peer_us / ours']} times our CPU time an event")
    console.print(f"the rest of the machine was busy with {shown(measured['other_cores'], 2)} of {measured['cores']} cores meanwhile")


def _timed(label: str, each: Figures) -> tuple[str, str]:
    """Return how late rows were, and whether the rate was held; of a backlog neither says anything."""
    if label == BACKLOG:
        return "", ""
    return f"{each['p50_seconds']['median']:.2f}, {each['p99_seconds']['median']:.2f}", f"{each['rounds_held']} of {each['rounds']}"


def shown(values: Figures, digits: int = 0) -> str:
    """Return a spread as words.

    >>> shown({"min": 1.0, "median": 1_234.0, "max": 3_000.0})
    '1,234 (1 to 3,000)'
    """
    return f"{values['median']:,.{digits}f} ({values['min']:,.{digits}f} to {values['max']:,.{digits}f})"
