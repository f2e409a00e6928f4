"""One account on a terminal, or as data: the same facts as the desk's page of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.table import Table
from rich.text import Text

from streams.core import moments
from streams.desk.queries import DeskQueries, StoredFacts
from streams.schema.actions import Action, EnforcementDecision

MAX_SHOWN_ACTIONS: Final = 10
"""The newest, on a terminal; as data there are all."""

WARNS: Final = "others may use the account's key: warn its holder. The case accuses other accounts"


@dataclass(frozen=True)
class AccountScore:
    """A score of the account by itself, in nats."""

    time: datetime
    extraction: float
    routing: float


@dataclass(frozen=True)
class AccountCase:
    """A case in which the account is a member, or whose account holder is to be warned."""

    case_id: str
    state: str
    behaviour: str
    title: str
    warns: bool = False
    """Others may use the account's key: its owner is to be warned, and the case accuses others."""


@dataclass(frozen=True)
class AccountView:
    """What is stored about an account."""

    account: str
    facts: StoredFacts | None
    """None when its requests have ended, or were never stored."""
    scores: Sequence[AccountScore]
    """The newest 200, the oldest first."""
    cases: Sequence[AccountCase]
    actions: Sequence[Action]
    """What people did about it, the oldest first."""
    decisions: Sequence[EnforcementDecision]


def read(reading: DeskQueries, account: str) -> AccountView | None:
    """Return what ClickHouse holds about an account; None when that is nothing. Raises StoreUnavailableError."""
    facts = reading.facts("account_id", account)
    scores = [AccountScore(*row) for row in reading.scores("account", account)]
    cases = [AccountCase(*row) for row in reading.cases_of(account)]
    if facts is None and not scores and not cases:
        return None
    return AccountView(account, facts, scores, cases, reading.actions(account=account), reading.decisions(account=account))


def table(view: AccountView) -> Table:
    """Return the account as lines of a name and what is known; what the log did not have is named so."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, text in _rows(view):
        grid.add_row(name, Text(text))
    return grid


def _rows(view: AccountView) -> list[tuple[str, str]]:
    facts, newest = view.facts, view.scores[-1] if view.scores else None
    rows = [("account", view.account)]
    if facts:
        rows += [
            ("requests", f"{facts.requests:,} stored, {facts.output_tokens or 0:,.0f} output tokens"),
            ("seen (UTC)", f"{moments.shown(facts.first)} to {moments.shown(facts.last)}"),
            ("created", moments.shown(facts.created) if facts.created else "not in the log"),
            ("organisation", facts.organization or "not in the log"),
            ("cards", _known(facts.cards)),
            ("routers", _known(facts.routers)),
            ("programs", _known(facts.programs)),
            ("indicators", ", ".join(facts.indicators) or "matches none of others"),
        ]
    score = f"{newest.extraction:.1f} extraction, {newest.routing:.1f} routing, {moments.shown(newest.time)}" if newest else "none yet"
    rows.append(("nats by itself", score))
    rows.append(
        (
            "cases",
            "\n".join(f"{case.case_id} {case.state}, {case.behaviour}: {WARNS if case.warns else case.title}" for case in view.cases)
            or "none",
        )
    )
    done = [f"{moments.shown(action.time)} {action.author}: {action.kind} {action.value} {action.note}".rstrip() for action in view.actions]
    rows.append(("people did", "\n".join(done[-MAX_SHOWN_ACTIONS:]) or "nothing yet"))
    orders = [f"{one.measure}, {one.state}, until {moments.shown(one.expires)}: {one.reason}" for one in view.decisions]
    rows.append(("to enforce", "\n".join(orders) or "nothing"))
    return rows


def _known(values: Sequence[str]) -> str:
    return ", ".join(values) or "not in the log"
