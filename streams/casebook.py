"""Cases as a person reads them on a terminal: one panel a case, or a list. The demonstration and `hydrometer case` print the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol

import orjson
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streams.errors import HydrometerError
from streams.pipeline import history

WORTH_SAYING = 0.5
"""Nats of a family below which a panel does not mention it."""
SHOWN = 8
"""Members, features and links that a panel shows; `--json` has them all."""


class UnknownCaseError(HydrometerError):
    """There is no such case. The message says how to list those that there are."""


class BrokenHistoryError(HydrometerError):
    """A stored case is not what it was when it was stored. The message says which version."""


class Gateway(Protocol):
    """What asks ClickHouse."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a statement. Raises StoreUnavailableError."""
        ...


@dataclass(frozen=True)
class CaseRow:
    """The newest version of a case, as ClickHouse has it. Times are UTC; evidence is in nats."""

    case_id: str
    version: int
    opened_at: datetime
    updated_at: datetime
    state: str
    behaviour: str
    title: str
    accounts: int
    requests: float
    output_tokens: float
    extraction: float
    routing: float
    muted: bool
    payload: Mapping[str, Any]

    @property
    def evidence(self) -> float:
        """Nats for what the case is about."""
        return self.extraction if self.behaviour == "extraction" else self.routing

    def json(self) -> bytes:
        """Return everything about the case as indented JSON."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)


_COLUMNS = ", ".join(CaseRow.__dataclass_fields__)


def newest(clickhouse: Gateway, *, every: bool = False) -> list[CaseRow]:
    """Return the open cases (with `every`, the resolved ones too), those with the most evidence first."""
    rows = clickhouse.query(
        f"SELECT {_COLUMNS} FROM cases FINAL WHERE %(every)s OR state = 'open' "  # noqa: S608 (our own column names)
        "ORDER BY state, behaviour, greatest(extraction, routing) DESC, case_id",
        {"every": int(every)},
    )
    return [_case(row) for row in rows]


def find(clickhouse: Gateway, case_id: str) -> CaseRow:
    """Return one case by its id, or by the beginning of it. Raises UnknownCaseError when none, or more than one, begins so."""
    rows = clickhouse.query(
        f"SELECT {_COLUMNS} FROM cases FINAL WHERE startsWith(case_id, %(name)s) ORDER BY case_id LIMIT 2",  # noqa: S608 (as above)
        {"name": case_id},
    )
    cases = [_case(row) for row in rows]
    exact = [case for case in cases if case.case_id == case_id]
    if exact or len(cases) == 1:
        return (exact or cases)[0]
    problem = "no case" if not cases else "more than one case"
    raise UnknownCaseError(f"{problem} begins with {case_id!r}: see `hydrometer case list --all`")


def check(clickhouse: Gateway, case: CaseRow) -> str:
    """Return in a line that a case's history holds: the chain of hashes, and every version that ClickHouse still has.

    Raises BrokenHistoryError, which names the first version that is not what it was.
    """
    entries = case.payload.get("history", [])
    wrong = history.broken(case.payload) if entries else case.version
    if wrong is not None:
        raise BrokenHistoryError(f"{case.case_id}: version {wrong} does not follow from the one before: it was changed after it was stored")
    said = {entry["version"]: entry for entry in entries}
    rows = clickhouse.query(f"SELECT {_COLUMNS} FROM cases WHERE case_id = %(name)s ORDER BY version", {"name": case.case_id})  # noqa: S608 (as above)
    stored = {row.version: row for row in map(_case, rows)}
    for version, row in stored.items():
        if version not in said or not _agrees(row, said[version]):
            raise BrokenHistoryError(f"{case.case_id}: the stored row of version {version} is not the one that its history tells of")
    return (
        f"{case.case_id}: {len(entries)} versions follow from each other, {len(stored)} stored rows agree; last hash {entries[-1]['hash']}"
    )


def _agrees(row: CaseRow, entry: Mapping[str, Any]) -> bool:
    figures = (row.state == entry["state"], row.accounts == entry["accounts"], row.requests == entry["requests"])
    return all(figures) and history.content(row.payload) == entry["content"]


def _case(row: Sequence[Any]) -> CaseRow:
    found = dict(zip(CaseRow.__dataclass_fields__, row, strict=True))
    return CaseRow(**{**found, "payload": orjson.loads(found["payload"])})


_ID_WIDTH: Final = len("case-0fbfa5df00f4")


def table(cases: Iterable[CaseRow]) -> Table:
    """Return a list of cases."""
    listed = Table(box=None, pad_edge=False)
    for heading in ("case", "state", "behaviour", "accounts", "requests", "nats", "since (UTC)", "why"):
        justify: Literal["left", "right"] = "right" if heading in {"accounts", "requests", "nats"} else "left"
        whole = _ID_WIDTH if heading == "case" else None  # on a narrow terminal too: the id is what people type next
        listed.add_column(heading, no_wrap=heading != "why", justify=justify, min_width=whole)
    for case in cases:
        state = f"{case.state}, muted" if case.muted else case.state
        numbers = (f"{case.accounts:,}", f"{case.requests:,.0f}", f"{case.evidence:.1f}")
        listed.add_row(case.case_id, state, case.behaviour, *numbers, _moment(case.opened_at), Text(case.title))
    return listed


def panel(case: CaseRow) -> Panel:
    """Return what a person must know first: who, why, what speaks against it, what it would cost to be wrong, what next."""
    grid = _grid()
    told = case.payload
    grid.add_row("who", f"{case.accounts:,} accounts, {case.requests:,.0f} requests, {case.output_tokens:,.0f} output tokens")
    grid.add_row("why", Text(case.title))
    grid.add_row("evidence", f"{_families(told['families'])} (nats by family)")
    grid.add_row("against", Text(_against(told["counter_evidence"])))
    grid.add_row("if wrong", Text(told["if_wrong"]))
    grid.add_row("next", Text(told["next_step"]))
    colour = "red" if case.behaviour == "extraction" else "yellow"
    return Panel(grid, title=f"[bold]{case.case_id}[/] {case.behaviour}", title_align="left", border_style=colour)


def file(case: CaseRow) -> Group:
    """Return the panel of a case and what lies behind it: its life, its features, its links, its strongest members."""
    grid, told = _grid(), case.payload
    label = told.get("label")
    grid.add_row("state", f"{case.state}, opened {_moment(case.opened_at)}, version {case.version} of {_moment(case.updated_at)} (UTC)")
    grid.add_row("label", Text(f"{label['verdict']}, {label['author']}: {label['note']}" if label else "none yet"))
    grid.add_row("atlas", ", ".join(told["atlas"]))
    for name, lines in (("features", _sentences(told)), ("links", _links(told)), ("members", _members(told))):
        grid.add_row(name, Text("\n".join(lines) or "none"))
    grid.add_row("decide", f"hydrometer label case {case.case_id} distilling|reseller|benign --note WHY")
    return Group(panel(case), grid)


def _grid() -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    return grid


def _families(families: Mapping[str, float]) -> str:
    ranked = sorted(families.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {nats:+.1f}" for name, nats in ranked if abs(nats) >= WORTH_SAYING) or "no family stands out"


def _against(checks: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(f"{check['persona']} ({check['because']})" for check in checks if check["fits"]) or "no benign persona fits"


def _sentences(told: Mapping[str, Any]) -> list[str]:
    """Return what stands out, of the group and of the one member that shows it best."""
    lines = [each["sentence"] for each in told["features"]]
    example = told["example"]
    if example is None or len(told["members"]) == 1:
        return lines
    return [*lines, f"one of its accounts, {example['account']}:", *(f"  {each['sentence']}" for each in example["features"])]


def _links(told: Mapping[str, Any]) -> list[str]:
    links = told["links"]
    return [*(f"{link['entity']}: {link['why']}{_weighed(link)}" for link in links[:SHOWN]), *_rest(links)]


def _weighed(link: Mapping[str, Any]) -> str:
    return f", {link['nats']:.1f} nats of {link['needed']:.0f} needed" if link.get("edges") else ""


def _members(told: Mapping[str, Any]) -> list[str]:
    ranked = sorted(told["members"].items(), key=lambda item: (-item[1]["extraction"], item[0]))
    lines = [f"{name}: {member['requests']:,.0f} requests, {member['extraction']:.1f} nats" for name, member in ranked[:SHOWN]]
    return [*lines, *_rest(ranked)]


def _rest(items: Sequence[Any]) -> list[str]:
    return [f"... and {len(items) - SHOWN} more: --json has all"] if len(items) > SHOWN else []


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
