"""`hydrometer watch`: the open cases on a terminal, for those without a Grafana. It only reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from streams import casebook
from streams.casebook import CaseRow
from streams.errors import StoreUnavailableError

FRESH: Final = 900.0
"""Seconds for which a change is shown in bold."""
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400
_COLOURS: Final = {"extraction": "red", "routing": "yellow"}


def screen(cases: Sequence[CaseRow], now: datetime, problem: str = "") -> RenderableType:
    """Return what is shown: a headline and one line a case. `now` is aware; `problem` stands in for cases that cannot be read."""
    head = Text.assemble(
        ("Hydrometer", "bold"),
        f"  {_counted(cases)}  ",
        (now.astimezone(UTC).strftime("%H:%M:%S UTC"), "dim"),
        (f"  {problem}" if problem else "", "bold red"),
    )
    return Group(head, _table(cases, now) if cases else Text("no open case", style="dim"))


def watch(
    clickhouse: casebook.Gateway, console: Console, stop: threading.Event, every: float, now: Callable[[], datetime] | None = None
) -> None:
    """Show the cases, and again every so many seconds, until `stop` is set.

    While ClickHouse is away the last cases stay, with a line that says so.
    """
    clock = now or (lambda: datetime.now(UTC))
    cases: Sequence[CaseRow] = ()
    with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
        while True:
            problem = ""
            try:
                cases = casebook.newest(clickhouse)
            except StoreUnavailableError as error:
                problem = str(error)
            live.update(screen(cases, clock(), problem), refresh=True)
            if stop.wait(every):
                return


def _counted(cases: Sequence[CaseRow]) -> str:
    counts = {behaviour: sum(case.behaviour == behaviour for case in cases) for behaviour in _COLOURS}
    accounts = sum(case.accounts for case in cases)
    return f"{counts['extraction']} of extraction, {counts['routing']} of routing, {accounts:,} accounts"


def _table(cases: Sequence[CaseRow], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, expand=True)
    for heading in ("case", "behaviour", "accounts", "requests", "output tokens", "nats", "open for", "changed", "decided", "why"):
        number = heading in {"accounts", "requests", "output tokens", "nats", "open for", "changed"}
        table.add_column(heading, justify="right" if number else "left", no_wrap=heading != "why", ratio=1 if heading == "why" else None)
    for case in cases:
        table.add_row(*_cells(case, now), style="dim" if case.muted else "")
    return table


def _cells(case: CaseRow, now: datetime) -> tuple[Any, ...]:
    changed = max((now - _aware(case.updated_at)).total_seconds(), 0.0)
    label = case.payload.get("label") or {}
    return (
        case.case_id,
        Text(case.behaviour, style=_COLOURS.get(case.behaviour, "")),
        f"{case.accounts:,}",
        f"{case.requests:,.0f}",
        f"{case.output_tokens:,.0f}",
        f"{case.evidence:.1f}",
        age((now - _aware(case.opened_at)).total_seconds()),
        Text(age(changed), style="bold" if changed < FRESH else ""),
        "permitted" if case.muted else label.get("verdict", ""),
        Text(case.title, overflow="ellipsis"),
    )


def age(seconds: float) -> str:
    """Return a length of time as people say it: 45 s, 12 min, 3 h, 2 d."""
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s"


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)
