"""Do two sets of accounts belong together? Fellegi and Sunter's (1969) weights of what they share, in nats.

Of accounts that one hand runs, a share `SAME` shows the same value (a router, a card, a template); of unrelated accounts only as many as
show it anyway. A match has ln(SAME / common), a miss ln((1 - SAME) / (1 - common)), so a rare card is strong evidence and a usual program
is not. Accounts under one organisation and card have one vote. No single family of links can join two sets: each is capped below the
threshold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

SAME: Final = 0.9
"""Share of one hand's accounts that show its value (Fellegi and Sunter's m)."""
JOIN_THRESHOLD_NATS: Final = 23.0
"""From which sets are joined: ln(10^8 candidate pairs a day / 0.01 wrong ones)."""
CAP: Final = 15.0
"""Nats that one family of links can have at most."""
SPOKEN: Final = 2.0
"""Nats from which a family of links counts as evidence."""
MIN_FAMILIES: Final = 2
BIG_ACCOUNTS: Final = 50
GUARD_NATS: Final = 10.0
"""More that it takes to join two sets of more than BIG_ACCOUNTS accounts each: such a mistake is the hardest to see and to undo."""


@dataclass(frozen=True)
class LinkKind:
    """A kind of value that accounts can share: the name of its column in blocks of `evidence`, and what it is taken for."""

    name: str
    family: str
    """Kinds of one family say the same thing: of several only the strongest counts, and none says more than CAP."""
    group_words: str | None = None
    """What accounts that share it are called, where they form a group that is scored. None: it links, and makes no group."""


LINK_KINDS: Final = (
    LinkKind("payment", "money", "accounts on one payment method"),
    LinkKind("organization", "money"),
    LinkKind("router", "software", "accounts behind one router fingerprint"),
    LinkKind("template", "prompts", "accounts that use one prompt template"),
)
"""Every kind of link, in the order of the columns. A new kind is one entry here and a column in the migrations."""
LINKS: Final = tuple(kind.name for kind in LINK_KINDS)
JOINING: Final = ("router", "payment", "template")
"""Kinds by which cases are joined, in the order in which a case names them: those that make groups."""
ENTITY_WORDS: Final = {"account": "account", **{kind.name: kind.group_words for kind in LINK_KINDS if kind.group_words}}
"""What each kind of scored entity is called in a sentence."""
_FAMILY: Final = {kind.name: kind.family for kind in LINK_KINDS}


@dataclass(frozen=True)
class Edge:
    """What two sets share of one kind: `shared` of `of` voices show one of `values`; `common` is the mean share of all accounts that do."""

    kind: str
    values: tuple[str, ...]
    shared: int
    of: int
    common: float
    nats: float

    @property
    def family(self) -> str:
        """Return the family of links that it belongs to."""
        return _FAMILY[self.kind]


def weight(common: float) -> float:
    """Return the nats of one match on a value that a share `common` of all accounts shows; 0 when most show it."""
    return max(math.log(SAME / max(common, 1e-9)), 0.0)


def miss(common: float) -> float:
    """Return the nats of one miss, negative."""
    return min(math.log((1 - SAME) / max(1 - common, 1e-9)), 0.0)


def edge(kind: str, shared: Mapping[str, int], common: Mapping[str, float], of: int) -> Edge:
    """Return what two sets share of one kind. shared: voices by value.

    common: share of all accounts that show each value. of: voices of the smaller set.
    """
    matches = min(sum(shared.values()), of)
    usual = sum(common[value] * count for value, count in shared.items()) / max(sum(shared.values()), 1)
    found = sum(weight(common[value]) * count for value, count in shared.items()) + (of - matches) * miss(usual)
    return Edge(kind, tuple(sorted(shared)), matches, of, round(usual, 6), round(min(max(found, 0.0), CAP), 2))


def total(edges: Iterable[Edge]) -> float:
    """Return the nats of several edges: the strongest of each family."""
    return sum(_families(edges).values())


def needed(mine: int, theirs: int) -> float:
    """Return the nats that it takes to join sets of so many accounts."""
    return JOIN_THRESHOLD_NATS + (GUARD_NATS if min(mine, theirs) > BIG_ACCOUNTS else 0.0)


def joins(edges: Iterable[Edge], mine: int, theirs: int) -> bool:
    """Say whether two sets of so many accounts are to be joined: enough nats, from two families at least."""
    families = _families(edges)
    spoken = sum(nats >= SPOKEN for nats in families.values())
    return spoken >= MIN_FAMILIES and sum(families.values()) >= needed(mine, theirs)


def _families(edges: Iterable[Edge]) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in edges:
        found[each.family] = max(found.get(each.family, 0.0), each.nats)
    return found
