"""Which alerts belong to one case: those about the same accounts, or whose accounts share enough (`models/evidence/links.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from models.evidence import links
from models.evidence.links import JOINING, Edge
from streams.schema.cases import Link, Merge, Near, WeighedEdge
from streams.schema.evidence import Entity, Known
from streams.schema.names import Behaviour, entity_key

MIN_SAME_ACCOUNTS_SHARE = 0.5
"""Share of the smaller side's accounts that must be on both sides for the two to be one case."""
NEAR_THRESHOLD_NATS = 10.0
"""Evidence of links from which a case lists another as a candidate for merging."""

Entities = Mapping[str, Entity]
Accounts = Mapping[str, Known]


@dataclass(frozen=True)
class Relation:
    """What two sets of accounts share, and whether it joins them."""

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
        """Return it as the record of a related case that was not merged."""
        return Near(case_id, round(self.same, 3), self.nats, self.needed, self._weighed())

    def merge(self, case_id: str, at: float) -> Merge:
        """Return it as the record of a merge at a moment (seconds since 1970)."""
        return Merge(case_id, at, round(self.same, 3), self.nats, self.needed, self._weighed())

    def link(self, entity: str, since: float, why: str) -> Link:
        """Return it as the link by which an alerted entity joined a case, `since` epoch seconds, with `why` as a sentence."""
        return Link(entity, since, why, None, round(self.same, 3), self.nats, self.needed, self._weighed())

    def _weighed(self) -> list[WeighedEdge]:
        edges = (edge for edge in self.edges if edge.nats > 0)
        return [WeighedEdge(edge.kind, list(edge.values), edge.shared, edge.of, edge.common, edge.nats, edge.family) for edge in edges]


def accounts_of(entities: Entities, keys: Iterable[str], behaviour: Behaviour) -> dict[str, Known]:
    """Return the accounts of the entities with these `keys`, by id: suspect members, or itself for an account or a channel."""
    accounts: dict[str, Known] = {}
    for key in keys:
        entity = entities[key]
        if behaviour == "routing" or entity.entity_kind == "account":
            accounts[entity.entity_id] = entity
        else:
            accounts.update(entity.members)
    return accounts


def relation(entities: Entities, left: Accounts, right: Accounts) -> Relation:
    """Weigh what two sets of accounts share."""
    both, smaller = len(left.keys() & right.keys()), min(len(left), len(right))
    same = both / smaller if smaller else 0.0
    needed = links.needed(len(left), len(right))
    edges = tuple(edge for kind in JOINING if (edge := _edge(entities, left, right, kind)) is not None)
    chance = max(len(left), len(right)) / max(_population((*left.values(), *right.values())), 2.0)
    same_nats = both * links.weight(chance) + (smaller - both) * links.miss(min(chance, 0.999))
    one_story = same >= MIN_SAME_ACCOUNTS_SHARE and (needed == links.JOIN_THRESHOLD_NATS or same_nats >= needed)
    joined = one_story or links.joins(edges, len(left), len(right))
    return Relation(same, round(same_nats, 2), edges, needed, joined)


def channel(left: Accounts, right: Accounts) -> bool:
    """Return whether one channel is a member of the other: an account behind an alerted router."""
    return any(row.router in right for row in left.values()) or any(row.router in left for row in right.values())


def _edge(entities: Entities, left: Accounts, right: Accounts, kind: str) -> Edge | None:
    """Return what both sides share of one link kind; None when they share nothing, or nothing whose frequency is known."""
    left_payers, right_payers = _payers_by_value(left, kind), _payers_by_value(right, kind)
    common = {value: share for value in left_payers.keys() & right_payers.keys() if (share := _common(entities, kind, value)) is not None}
    if not common:
        return None
    shared = {value: min(len(left_payers[value]), len(right_payers[value])) for value in common}
    return links.edge(kind, shared, common, min(_payer_count(left), _payer_count(right)))


def _payers_by_value(accounts: Accounts, kind: str) -> dict[str, set[tuple[str, str]]]:
    """Return the distinct payers of each value: accounts of one organisation on one card count as one payer."""
    payers: dict[str, set[tuple[str, str]]] = {}
    for account, row in accounts.items():
        if value := str(getattr(row, kind)):
            payers.setdefault(value, set()).add(_payer(account, row))
    return payers


def _payer_count(accounts: Accounts) -> int:
    return len({_payer(account, row) for account, row in accounts.items()})


def _payer(account: str, row: Known) -> tuple[str, str]:
    payer = (row.organization, row.payment)
    return payer if any(payer) else (account, "")


def _common(entities: Entities, kind: str, value: str) -> float | None:
    """Return the share of all accounts that show a value; None when its group is unknown or public."""
    group = entities.get(entity_key(kind, value))
    if group is None or group.common:
        return None
    return float(min(group.accounts / max(_population((group,)), 1.0), 1.0))


def _population(rows: Iterable[Known]) -> float:
    return max((row.population for row in rows), default=0.0)
