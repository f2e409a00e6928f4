"""Whether two sets of accounts belong together: record linkage by the values they share (Fellegi and Sunter 1969), in nats.

Of accounts under one operator, a share m = `MATCH_PROBABILITY` has the same value (a router, a card, a template). Of unrelated accounts,
the share c has it that all accounts have. A match has ln(m / c) nats and a miss ln((1 - m) / (1 - c)), so a rare card is strong evidence
and a usual program is not. Accounts under one organisation and card have one vote. Each family of links is capped below the threshold, so
no family alone can join two sets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

MATCH_PROBABILITY: Final = 0.9
"""Share of an operator's accounts that have the operator's value (Fellegi and Sunter's m)."""
JOIN_THRESHOLD_NATS: Final = 23.0
"""Nats from which two sets are joined: ln(10^8 candidate pairs a day / 0.01 wrong joins a day)."""
MAX_LINK_FAMILY_NATS: Final = 15.0
"""Most nats of one family of links."""
MIN_LINK_FAMILY_NATS: Final = 2.0
"""Nats from which a family of links counts as evidence."""
MIN_LINK_FAMILIES: Final = 2
BIG_GROUP_ACCOUNTS: Final = 50
BIG_JOIN_EXTRA_NATS: Final = 10.0
"""Additional nats required where both sets have more than BIG_GROUP_ACCOUNTS accounts: such a mistake is the hardest to see and undo."""


@dataclass(frozen=True)
class LinkKind:
    """A kind of value that accounts can share. It is a column of accounts, of their groups' members and of what travels between them."""

    name: str
    family: str | None = None
    """What its value is evidence of, carried with every account of a case; None for a kind that only groups count. Kinds of one family
    are the same evidence: only the strongest counts, with at most MAX_LINK_FAMILY_NATS."""
    group_words: str | None = None
    """What a scored group of accounts with one value is called; None if the kind forms no groups."""
    column: str | None = None
    """Column of a request whose newest known value is the account's; None if the accounts stage chooses the value itself."""
    keyed: bool = False
    """Whether the value is a pseudonym under a key."""
    min_payers: int | None = None
    """Payers of a group with a rare value from which it counts as shared; None if nobody asks how rare it is."""


LINK_KINDS: Final = (
    LinkKind("payment", "money", "accounts on one payment method", column="payment", keyed=True),
    LinkKind("organization", "money", column="organization_id"),
    LinkKind("router", "software", "accounts behind one router fingerprint", min_payers=3),
    LinkKind("template", "prompts", "accounts that use one prompt template", min_payers=3),
    # a rare network is nearly an address: two payers suffice
    LinkKind("subnet", column="client_network", keyed=True, min_payers=2),
    LinkKind("tools", column="tool_hash", keyed=True, min_payers=3),
)
"""Every kind of link, in column order. A new one is an entry here; if it has a family, a field of `Known` and `CaseMember` too; if it has
groups, a place in JOINING."""
LINKS: Final = tuple(kind.name for kind in LINK_KINDS)
CASE_LINKS: Final = tuple(kind.name for kind in LINK_KINDS if kind.family)
"""Kinds whose values travel with the accounts of a case."""
NEWEST: Final = {kind.name: kind.column for kind in LINK_KINDS if kind.column}
"""Column of a request by kind, where the newest value counts."""
MIN_PAYERS: Final = {kind.name: kind.min_payers for kind in LINK_KINDS if kind.min_payers}
"""Payers from which a rare value counts as shared, by kind. How rare each value is, is counted for these."""
KEYED: Final = tuple(kind.name for kind in LINK_KINDS if kind.keyed)
"""Kinds that are pseudonyms under a key."""
JOINING: Final = ("router", "payment", "template")
"""Kinds by which cases are joined: those that form groups, in the order in which a case lists them."""
ENTITY_WORDS: Final = {"account": "account", **{kind.name: kind.group_words for kind in LINK_KINDS if kind.group_words}}
"""Words for each kind of scored entity in a sentence."""
_FAMILY: Final = {kind.name: kind.family for kind in LINK_KINDS if kind.family}


def rarity_of(kind: str) -> str:
    """Return the name of the column that says how rare an account's value of this kind is."""
    return f"{kind}_rarity"


@dataclass(frozen=True)
class Edge:
    """The values of one kind that two sets of accounts share."""

    kind: str
    values: tuple[str, ...]
    shared: int
    """Votes with one of the values."""
    of: int
    """Votes of the smaller set."""
    common: float
    """Mean share of all accounts with such a value, 0..1."""
    nats: float

    @property
    def family(self) -> str:
        """The family of links to which the kind belongs."""
        return _FAMILY[self.kind]


def weight(common: float) -> float:
    """Return the nats of one match on a value that the share `common` of all accounts has; 0 when nearly all have it.

    >>> round(weight(0.0009), 3), weight(1.0)
    (6.908, 0.0)
    """
    return max(math.log(MATCH_PROBABILITY / max(common, 1e-9)), 0.0)


def miss(common: float) -> float:
    """Return the nats of one miss, negative, where the share `common` of all accounts has the value."""
    return min(math.log((1 - MATCH_PROBABILITY) / max(1 - common, 1e-9)), 0.0)


def edge(kind: str, shared: Mapping[str, int], common: Mapping[str, float], of: int) -> Edge:
    """Return the link of one kind between two sets.

    Args:
        kind: Name of the kind of link.
        shared: Votes by shared value.
        common: Share of all accounts with each value, 0..1.
        of: Votes of the smaller set.
    """
    matches = min(sum(shared.values()), of)
    usual = sum(common[value] * count for value, count in shared.items()) / max(sum(shared.values()), 1)
    nats = sum(weight(common[value]) * count for value, count in shared.items()) + (of - matches) * miss(usual)
    return Edge(kind, tuple(sorted(shared)), matches, of, round(usual, 6), round(min(max(nats, 0.0), MAX_LINK_FAMILY_NATS), 2))


def total(edges: Iterable[Edge]) -> float:
    """Return the nats of several edges: the sum of each family's strongest."""
    return sum(_families(edges).values())


def needed(first_accounts: int, second_accounts: int) -> float:
    """Return the nats required to join two sets with these numbers of accounts."""
    return JOIN_THRESHOLD_NATS + (BIG_JOIN_EXTRA_NATS if min(first_accounts, second_accounts) > BIG_GROUP_ACCOUNTS else 0.0)


def joins(edges: Iterable[Edge], first_accounts: int, second_accounts: int) -> bool:
    """Return whether two sets with these numbers of accounts are joined: enough nats, from at least MIN_LINK_FAMILIES families."""
    families = _families(edges)
    counting = sum(nats >= MIN_LINK_FAMILY_NATS for nats in families.values())
    return counting >= MIN_LINK_FAMILIES and sum(families.values()) >= needed(first_accounts, second_accounts)


def _families(edges: Iterable[Edge]) -> dict[str, float]:
    strongest: dict[str, float] = {}
    for link in edges:
        strongest[link.family] = max(strongest.get(link.family, 0.0), link.nats)
    return strongest
