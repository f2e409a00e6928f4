"""What a change does to alerts: two replays of the same files, compared account by account and entity by entity."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow.parquet as pq
from rich.table import Table

from streams.core.errors import SettingsError
from streams.schema.names import BEHAVIOURS

SHOWN_ENTITIES: Final = 20
"""Entities that are shown: those whose best evidence moved most."""
_MIN_MOVE_NATS = 0.05
"""Nats below which nothing has moved."""
_SHOWN_FAMILIES = 4

Entity = tuple[str, str, str]
"""Behaviour, kind and id."""


@dataclass(frozen=True)
class Best:
    """The highest evidence that an entity reached, in nats, and its families then."""

    nats: float
    families: Mapping[str, float]


@dataclass(frozen=True)
class ReplayOutcome:
    """What a replay found, as far as it is compared."""

    events: int
    alerted: Mapping[str, float]
    """Account alerted as extraction -> its first alert, seconds since 1970."""
    cases: Mapping[str, int]
    """Behaviour -> cases that are open at the end."""
    best: Mapping[Entity, Best]

    @classmethod
    def read(cls, folder: Path) -> ReplayOutcome:
        """Read a replay's folder. Raises SettingsError when a table lacks a column: it was written by another layout."""
        accounts = _columns(folder / "accounts.parquet", "account_id", "alerted", "first_alert_at")
        rows = zip(*(accounts[name].to_pylist() for name in accounts.schema.names), strict=True)
        cases = {case["case_id"]: case for case in map(orjson.loads, (folder / "cases.jsonl").read_bytes().splitlines())}
        return cls(
            events=json.loads((folder / "summary.json").read_bytes())["events"],
            alerted={account: first.timestamp() for account, alerted, first in rows if alerted},
            cases=Counter(case["behaviour"] for case in cases.values() if case["state"] == "open"),
            best=dict(_best(folder / "scores.parquet")),
        )


def _best(path: Path) -> Iterator[tuple[Entity, Best]]:
    scores = _columns(path, "entity_kind", "entity_id", "families", *BEHAVIOURS)
    entities = list(zip(scores["entity_kind"].to_pylist(), scores["entity_id"].to_pylist(), strict=True))
    for behaviour in BEHAVIOURS:
        nats = np.nan_to_num(scores[behaviour].to_numpy(), nan=-np.inf)
        rows = {entities[row]: row for row in np.argsort(nats, kind="stable").tolist()}  # the highest comes last, and stays
        families = scores["families"].take(list(rows.values())).to_pylist()
        for (entity, row), vector in zip(rows.items(), families, strict=True):
            if np.isfinite(nats[row]):
                yield (behaviour, *entity), Best(float(nats[row]), dict(vector))


def _columns(path: Path, *names: str) -> Any:
    if missing := set(names) - set(pq.read_schema(path).names):
        raise SettingsError(f"{path} has no column {min(missing)}: its revision wrote other tables than ours, and cannot be compared")
    return pq.read_table(path, columns=list(names))


@dataclass(frozen=True)
class Pair:
    """A count in both replays."""

    before: int
    now: int


@dataclass(frozen=True)
class AccountsCompared:
    """The alerted accounts: how many, and which by both replays or by one alone."""

    alerted: Pair
    both: list[str]
    only_before: list[str]
    only_now: list[str]


@dataclass(frozen=True)
class FirstAlerts:
    """Accounts alerted by both replays at different times: account -> seconds from the first alert before to the one now."""

    earlier: dict[str, float]
    later: dict[str, float]


@dataclass(frozen=True)
class Mover:
    """An entity whose best evidence moved, in nats. One that a replay never scored has None there."""

    behaviour: str
    entity_kind: str
    entity_id: str
    before: float | None
    now: float | None
    change: float
    families: dict[str, float]


@dataclass(frozen=True)
class Differences:
    """What `compare.json` holds beside the revision. Times are seconds since 1970, evidence is in nats."""

    events: Pair
    accounts: AccountsCompared
    first_alerts: FirstAlerts
    open_cases: dict[str, Pair]
    movers: list[Mover]


def compare(before: ReplayOutcome, now: ReplayOutcome) -> Differences:
    """Return the differences of two replays."""
    common = sorted(before.alerted.keys() & now.alerted.keys())
    moved = {account: now.alerted[account] - before.alerted[account] for account in common}
    return Differences(
        events=Pair(before.events, now.events),
        accounts=AccountsCompared(
            alerted=Pair(len(before.alerted), len(now.alerted)),
            both=common,
            only_before=sorted(before.alerted.keys() - now.alerted.keys()),
            only_now=sorted(now.alerted.keys() - before.alerted.keys()),
        ),
        first_alerts=FirstAlerts(
            earlier={account: seconds for account, seconds in moved.items() if seconds < 0},
            later={account: seconds for account, seconds in moved.items() if seconds > 0},
        ),
        open_cases={behaviour: Pair(before.cases.get(behaviour, 0), now.cases.get(behaviour, 0)) for behaviour in BEHAVIOURS},
        movers=_movers(before.best, now.best),
    )


def _movers(before: Mapping[Entity, Best], now: Mapping[Entity, Best]) -> list[Mover]:
    """Return the entities whose best evidence moved, the farthest first. One that was never scored had none."""
    nothing = Best(0.0, {})
    movers = []
    for entity in before.keys() | now.keys():
        old, new = before.get(entity, nothing), now.get(entity, nothing)
        if abs(new.nats - old.nats) >= _MIN_MOVE_NATS:
            movers.append(
                Mover(
                    *entity,
                    before=round(old.nats, 3) if entity in before else None,
                    now=round(new.nats, 3) if entity in now else None,
                    change=round(new.nats - old.nats, 3),
                    families=_moved_families(old.families, new.families),
                )
            )
    return sorted(movers, key=lambda mover: (-abs(mover.change), mover.behaviour, mover.entity_kind, mover.entity_id))


def _moved_families(old: Mapping[str, float], new: Mapping[str, float]) -> dict[str, float]:
    changes = {name: round(new.get(name, 0.0) - old.get(name, 0.0), 3) for name in old.keys() | new.keys()}
    moved = [(name, change) for name, change in changes.items() if abs(change) >= _MIN_MOVE_NATS]
    return dict(sorted(moved, key=lambda pair: (-abs(pair[1]), pair[0])))


def tables(differences: Differences, revision: str) -> list[Table]:
    """Return what a person sees of the differences: the counts, and the entities that moved most, if any did."""
    return [_counts(differences, revision), *([_moves(differences.movers)] if differences.movers else [])]


def _counts(differences: Differences, revision: str) -> Table:
    table = Table(title="alerts before and after", title_justify="left")
    table.add_column("")
    for heading in (revision, "now"):
        table.add_column(heading, justify="right")
    accounts, first = differences.accounts, differences.first_alerts
    pairs = {"events": differences.events, "accounts alerted": accounts.alerted}
    pairs |= {f"{behaviour} cases open": pair for behaviour, pair in differences.open_cases.items()}
    for name, pair in pairs.items():
        table.add_row(name, f"{pair.before:,}", f"{pair.now:,}")
    table.add_section()
    for name, before, now in (
        ("alerted by both", accounts.both, accounts.both),
        ("alerted by one alone", accounts.only_before, accounts.only_now),
    ):
        table.add_row(name, f"{len(before):,}", f"{len(now):,}")
    table.add_row("first alert is the earlier one", _lead(first.later), _lead(first.earlier))
    return table


def _lead(seconds: Mapping[str, float]) -> str:
    """Say of how many accounts the first alert came earlier, and by how much."""
    if not seconds:
        return "0"
    return f"{len(seconds):,} (median {abs(statistics.median(seconds.values())) / 3600:.1f} h)"


def _moves(movers: Sequence[Mover]) -> Table:
    shown = movers[:SHOWN_ENTITIES]
    table = Table(title=f"best evidence in nats: the {len(shown):,} of {len(movers):,} that moved most", title_justify="left")
    for heading, justify in (("entity", "left"), ("", "left"), ("before", "right"), ("now", "right"), ("families that moved", "left")):
        table.add_column(heading, justify="right" if justify == "right" else "left")
    for mover in shown:
        families = list(mover.families.items())
        shown_families = ", ".join(f"{name} {change:+.1f}" for name, change in families[:_SHOWN_FAMILIES])
        more = f" and {len(families) - _SHOWN_FAMILIES} more" if len(families) > _SHOWN_FAMILIES else ""
        entity = f"{mover.entity_kind} {mover.entity_id}"
        table.add_row(entity, mover.behaviour, _nats(mover.before), _nats(mover.now), shown_families + more)
    return table


def _nats(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
