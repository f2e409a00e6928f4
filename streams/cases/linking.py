"""Which alerts are one case: they are about the same accounts, or what their accounts share weighs enough (`models/evidence/links.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from models.evidence import links
from models.evidence.links import JOINING, Edge
from streams.schema.cases import Behaviour, Link, Merge, Near, WeighedEdge
from streams.schema.evidence import Entity, Known

SAME_ACCOUNTS = 0.5
"""Share of the smaller side's accounts that must be on both sides for them to be the same story."""
NEAR = 10.0
"""Nats of links from which a case says that another may belong to it."""

Entities = Mapping[str, Entity]
Accounts = Mapping[str, Known]


@dataclass(frozen=True)
class Relation:
    """What two sets of accounts have in common."""

    same: float
    """Share of the smaller side's accounts that are on both."""
    same_nats: float
    edges: tuple[Edge, ...]
    needed: float
    joined: bool

    @property
    def nats(self) -> float:
        """Return the nats of the links."""
        return round(links.total(self.edges), 2)

    def near(self, case_id: str) -> Near:
        """Return it as what a case says of another that it was not merged with."""
        return Near(case_id, round(self.same, 3), self.nats, self.needed, self._weighed())

    def merge(self, case_id: str, at: float) -> Merge:
        """Return it as the record of a merge at a moment (seconds since 1970)."""
        return Merge(case_id, at, round(self.same, 3), self.nats, self.needed, self._weighed())

    def link(self, entity: str, since: float, why: str) -> Link:
        """Return it as the link by which an alerted entity joined a case."""
        return Link(entity, since, why, None, round(self.same, 3), self.nats, self.needed, self._weighed())

    def _weighed(self) -> list[WeighedEdge]:
        edges = (edge for edge in self.edges if edge.nats > 0)
        return [WeighedEdge(each.kind, list(each.values), each.shared, each.of, each.common, each.nats, each.family) for each in edges]


def accounts_of(entities: Entities, keys: Iterable[str], behaviour: Behaviour) -> dict[str, Known]:
    """Return the accounts that entities are about, by account: suspect members, or what is itself a channel."""
    found: dict[str, Known] = {}
    for key in keys:
        entity = entities[key]
        if behaviour == "routing" or entity.entity_kind == "account":
            found[entity.entity_id] = entity
        else:
            found.update(entity.members)
    return found


def relation(entities: Entities, mine: Accounts, theirs: Accounts) -> Relation:
    """Weigh what two sets of accounts have in common."""
    both, smaller = len(mine.keys() & theirs.keys()), min(len(mine), len(theirs))
    same = both / smaller if smaller else 0.0
    needed = links.needed(len(mine), len(theirs))
    edges = tuple(edge for kind in JOINING if (edge := _edge(entities, mine, theirs, kind)) is not None)
    chance = max(len(mine), len(theirs)) / max(_population((*mine.values(), *theirs.values())), 2.0)
    same_nats = both * links.weight(chance) + (smaller - both) * links.miss(min(chance, 0.999))
    one_story = same >= SAME_ACCOUNTS and (needed == links.JOIN_THRESHOLD_NATS or same_nats >= needed)
    joined = one_story or links.joins(edges, len(mine), len(theirs))
    return Relation(same, round(same_nats, 2), edges, needed, joined)


def channel(mine: Accounts, theirs: Accounts) -> bool:
    """Say whether one channel is a member of another: an account behind an alerted router."""
    return any(row.router in theirs for row in mine.values()) or any(row.router in mine for row in theirs.values())


def _edge(entities: Entities, mine: Accounts, theirs: Accounts, kind: str) -> Edge | None:
    """Return what both sides share of one kind; None when nothing, or when nobody knows how common it is: unknown is no evidence."""
    ours, others = _voices(mine, kind), _voices(theirs, kind)
    common = {value: found for value in ours.keys() & others.keys() if (found := _common(entities, kind, value)) is not None}
    if not common:
        return None
    shared = {value: min(len(ours[value]), len(others[value])) for value in common}
    return links.edge(kind, shared, common, min(_units(mine), _units(theirs)))


def _voices(accounts: Accounts, kind: str) -> dict[str, set[tuple[str, str]]]:
    """Return for each value who shows it: accounts of one organisation on one card are one voice."""
    found: dict[str, set[tuple[str, str]]] = {}
    for account, row in accounts.items():
        if value := str(getattr(row, kind)):
            found.setdefault(value, set()).add(_unit(account, row))
    return found


def _units(accounts: Accounts) -> int:
    return len({_unit(account, row) for account, row in accounts.items()})


def _unit(account: str, row: Known) -> tuple[str, str]:
    payer = (row.organization, row.payment)
    return payer if any(payer) else (account, "")


def _common(entities: Entities, kind: str, value: str) -> float | None:
    """Return the share of all accounts that show a value; None when its group was never heard of, or is public."""
    group = entities.get(f"{kind}:{value}")
    if group is None or group.common:
        return None
    return float(min(group.accounts / max(_population((group,)), 1.0), 1.0))


def _population(rows: Iterable[Known]) -> float:
    return max((row.population for row in rows), default=0.0)
