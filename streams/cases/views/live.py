"""`hydrometer watch`: the open cases live on a terminal, without Grafana. It only reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from models.durations import DAY, HOUR, MINUTE
from streams.cases.views import terminal
from streams.cases.views.terminal import WIDE_CHARACTERS, CaseRow
from streams.core.errors import StoreUnavailableError
from streams.core.queries import Queries

FRESH_SECONDS: Final = 900.0
"""A change is shown in bold for this long."""
_COLUMNS: Final[dict[str, Literal["left", "right"]]] = {
    "case": "left",
    "severity": "left",
    "behaviour": "left",
    "accounts": "right",
    "requests": "right",
    "output tokens": "right",
    "nats": "right",
    "open for": "right",
    "changed": "right",
    "decided": "left",
    "why": "left",
}
_NARROW: Final = ("case", "severity", "behaviour", "accounts", "nats", "decided", "why")
_COLOURS: Final = {"extraction": "red", "routing": "yellow"}


def screen(cases: Sequence[CaseRow], now: datetime, problem: str = "", width: int = WIDE_CHARACTERS) -> RenderableType:
    """Return a headline and one line per case, with fewer columns below `WIDE_CHARACTERS`.

    `now` is aware; `problem` says why the cases cannot be read just now.
    """
    head = Text.assemble(
        ("Hydrometer", "bold"),
        f"  {_counted(cases)}  ",
        (now.astimezone(UTC).strftime("%H:%M:%S UTC"), "dim"),
        (f"  {problem}" if problem else "", "bold red"),
    )
    return Group(head, _table(cases, now, width) if cases else Text("no open case", style="dim"))


def watch(
    clickhouse: Queries,
    console: Console,
    stop: threading.Event,
    interval_seconds: float,
    now: Callable[[], datetime] | None = None,
) -> None:
    """Show the cases every `interval_seconds` until `stop` is set; once, when it is set already.

    While ClickHouse is unavailable the last cases stay, with a warning. Raises StoreUnavailableError when it shows them only once.
    """
    clock = now or (lambda: datetime.now(UTC))
    cases: Sequence[CaseRow] = ()
    if stop.is_set():  # shown once: it must stay on the screen, and end its line
        console.print(screen(terminal.newest(clickhouse), clock(), width=console.width))
        return
    with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
        while True:
            problem = ""
            try:
                cases = terminal.newest(clickhouse)
            except StoreUnavailableError as error:
                problem = str(error)
            live.update(screen(cases, clock(), problem, console.width), refresh=True)
            if stop.wait(interval_seconds):
                return


def _counted(cases: Sequence[CaseRow]) -> str:
    counts = {behaviour: sum(case.behaviour == behaviour for case in cases) for behaviour in _COLOURS}
    accounts = sum(case.accounts for case in cases)
    return f"{counts['extraction']} of extraction, {counts['routing']} of routing, {accounts:,} accounts"


def _table(cases: Sequence[CaseRow], now: datetime, width: int) -> Table:
    shown = [name for name in _COLUMNS if width >= WIDE_CHARACTERS or name in _NARROW]
    table = Table(box=None, pad_edge=False, expand=True)
    for name in shown:
        table.add_column(name, justify=_COLUMNS[name], no_wrap=name != "why", ratio=1 if name == "why" else None)
    for case in cases:
        cells = _cells(case, now)
        table.add_row(*(cells[name] for name in shown), style="dim" if case.muted or case.asks else "")
    return table


def _cells(case: CaseRow, now: datetime) -> dict[str, str | Text]:
    changed = max((now - _aware(case.updated_at)).total_seconds(), 0.0)
    label = case.payload.label
    return {
        "case": case.case_id,
        "severity": case.payload.score.severity,
        "behaviour": Text(case.behaviour, style=_COLOURS.get(case.behaviour, "")),
        "accounts": f"{case.accounts:,}",
        "requests": f"{case.requests:,.0f}",
        "output tokens": f"{case.output_tokens:,.0f}",
        "nats": f"{case.evidence:.1f}",
        "open for": age((now - _aware(case.opened_at)).total_seconds()),
        "changed": Text(age(changed), style="bold" if changed < FRESH_SECONDS else ""),
        "decided": "permitted" if case.muted else label.verdict if label else "ask" if case.asks else "",
        "why": Text(case.title),
    }


def age(seconds: float) -> str:
    """Return a duration in its largest whole unit: 45 s, 12 min, 3 h, 2 d."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s"


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
