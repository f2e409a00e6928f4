"""A router keeps its id through an upgrade of its software.

An account whose stack changes in part stays with its router for a day. If most of the router's accounts change to the same stack meanwhile,
the groups stage announces the new stack as an upgrade of the router (`docs/decisions/0010-an-upgrade-keeps-its-router.md`). Otherwise the
account moves to the new router.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats, Hashes
from models.durations import DAY
from models.state.columns import Columns, Field, Slots
from streams.privacy.fingerprint import FINGERPRINT_PARTS

UPGRADE_GRACE_SECONDS: Final = DAY
"""Time for which an account stays with its router after its stack changed in part."""
MIN_ALIKE_SHARE: Final = 0.5
"""Share of the known parts of a fingerprint that stay the same in an upgrade."""
MAX_UPGRADES: Final = 4096
"""Upgrades in the table; beyond, the oldest announcement is removed."""

FIELDS: Final = {
    "stack": Field("u4", width=len(FINGERPRINT_PARTS), doc="hashes of the parts of its router's fingerprint"),
    "router_next": Field("u8", doc="the other router that it has changed to, a hash"),
    "router_left": Field("f8", np.nan, doc="when it changed to that, epoch seconds"),
    "router_since": Field("f8", np.nan, doc="when it came to its router from another one, epoch seconds; unknown while it has its first"),
}
"""Columns of an account."""


def follow(table: Columns, slots: Slots, routers: Hashes, stacks: NDArray[np.uint32], times: Floats) -> Slots:
    """Update the router of these accounts, and return the accounts that have just changed to another stack.

    An account of router 7 shows router 8, with most parts as before: it stays with 7 for a day, and then moves:

    >>> table = Columns("accounts", {"router": Field("u8"), **FIELDS})
    >>> ada, parts = table.intern(["ada"]), np.ones((1, len(FINGERPRINT_PARTS)), np.uint32)
    >>> table["router"][ada], table["stack"][ada] = 7, parts
    >>> parts[0, 0] = 2
    >>> [follow(table, ada, np.array([8], np.uint64), parts, np.array([at])).tolist() for at in (0.0, 60.0)], int(table["router"][0])
    ([[0], []], 7)
    >>> follow(table, ada, np.array([8], np.uint64), parts, np.array([UPGRADE_GRACE_SECONDS])).tolist(), int(table["router"][0])
    ([], 8)

    Args:
        table: Accounts, changed in place.
        slots: (accounts,), each once.
        routers: Newest router of each account, known and under its first id, (accounts,).
        stacks: Hashes of the parts of its fingerprint, (accounts, parts), 0 for unknown.
        times: Epoch seconds, (accounts,).

    Returns:
        Slots of the accounts that have just changed, (changed,).
    """
    current, left = table["router"][slots], table["router_left"][slots]
    other = (current != 0) & (routers != current)
    since = np.where(np.isnan(left), times, left)
    waits = other & _alike(table["stack"][slots], stacks) & (times - since < UPGRADE_GRACE_SECONDS)
    begun = waits & (routers != table["router_next"][slots])
    comes = other & ~waits
    table["router_since"][slots[comes]] = times[comes]
    moves = slots[~waits]
    table["router"][moves], table["stack"][moves] = routers[~waits], stacks[~waits]
    table["router_next"][slots] = np.where(waits, routers, np.uint64(0))
    table["router_left"][slots] = np.where(waits, since, np.nan)
    changed: Slots = slots[begun]
    return changed


def _alike(old: NDArray[np.uint32], new: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Return which stacks have enough parts in common, (accounts,). old, new: (accounts, parts), 0 for unknown.

    >>> old, new = np.array([[1, 2, 3, 0], [1, 2, 3, 4]], np.uint32), np.array([[1, 2, 9, 0], [1, 8, 9, 7]], np.uint32)
    >>> _alike(old, new).tolist()
    [True, False]
    """
    known = ((old != 0) | (new != 0)).sum(axis=1)
    same = ((old == new) & (new != 0)).sum(axis=1)
    alike: NDArray[np.bool_] = same >= np.maximum(MIN_ALIKE_SHARE * known, 1.0)
    return alike


class Aliases:
    """The fingerprints that are upgrades of a router. The router's id is that of its first fingerprint."""

    def __init__(self) -> None:
        """Start without upgrades."""
        self.table = Columns("aliases", {"first": Field("u8"), "at": Field("f8")})
        self._upgrades: Hashes = np.zeros(0, np.uint64)
        self._firsts: Hashes = np.zeros(0, np.uint64)

    def first(self, routers: Hashes) -> Hashes:
        """Return the first id of each router, shape as given; the same id for a router that is not an upgrade."""
        if not len(self._upgrades):
            return routers
        position = np.minimum(np.searchsorted(self._upgrades, routers), len(self._upgrades) - 1)
        return np.where(self._upgrades[position] == routers, self._firsts[position], routers)

    def learn(self, upgrade: int, router: int, at: float, offset: int) -> None:
        """Record `upgrade`, and every upgrade of it, as an upgrade of `router`. A known upgrade, and one that makes a circle, is ignored.

        Args:
            upgrade: Hash of the new fingerprint.
            router: Id of the router.
            at: Time of the announcement, epoch seconds.
            offset: Offset of the block, for the next checkpoint.
        """
        first, known = (int(self.first(np.array([name], np.uint64))[0]) for name in (router, upgrade))
        if known != upgrade or first == upgrade:
            return
        slot = self.table.intern([f"{upgrade:016x}"])
        self.table["at"][slot] = at
        slots = self.table.slots
        changed = slots[(self.table["first"][slots] == upgrade) | (slots == slot)]
        self.table["first"][changed] = first
        self.table.touch(changed, offset)
        if len(self.table) > MAX_UPGRADES:
            oldest = min(slots.tolist(), key=lambda alias: (self.table["at"][alias], self.table.keys[alias]))
            self.table.evict(self.table.keys[oldest], offset)
        self.reread()

    def end(self, before: float, offset: int) -> None:
        """Forget the upgrades that were announced before this time, epoch seconds. offset: of the block just applied."""
        slots = self.table.slots
        old = [self.table.keys[slot] for slot in slots[self.table["at"][slots] < before].tolist()]
        for alias in old:
            self.table.evict(alias, offset)
        if old:
            self.reread()

    def reread(self) -> None:
        """Rebuild the index from the table, as after a load."""
        slots = self.table.slots
        upgrades = np.array([int(self.table.keys[slot], 16) for slot in slots.tolist()], np.uint64)
        order = np.argsort(upgrades)
        self._upgrades, self._firsts = upgrades[order], self.table["first"][slots][order]
