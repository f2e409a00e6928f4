"""Routers keep their id through an upgrade: which account still counts under which router, and under which name a new stack is known.

An account whose stack changes in part stays with its router for a day. If most of the router's accounts go the same way meanwhile, the
groups say that the new stack is the old router (`docs/decisions/0010-an-upgrade-keeps-its-router.md`); else it moves.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats
from models.evidence.prevalence import Hashes
from models.state.columns import Columns, Field, Slots
from streams.core.durations import DAY
from streams.stages.accounts.clients import PARTS

GRACE: Final = DAY
"""Seconds for which an account stays with its router when its stack changes in part."""
ALIKE: Final = 0.5
"""Share of the known parts of a fingerprint that an upgrade leaves as they were."""
MOST_ALIASES: Final = 4096
"""New stacks that are known under an older name; beyond, the ones announced first are forgotten."""

FIELDS: Final = {
    "stack": Field("u4", width=len(PARTS)),
    "router_next": Field("u8"),
    "router_left": Field("f8", np.nan),
}
"""What an account keeps: the parts of its router's fingerprint, and since when it shows which other one."""


def follow(table: Columns, slots: Slots, routers: Hashes, stacks: NDArray[np.uint32], times: Floats) -> Slots:
    """Note the newest stack of these accounts, and return those that have just begun to show another.

    slots: (accounts,), each once. routers: (accounts,), known and under their first names. stacks: (accounts, parts). times: seconds.
    """
    held, left = table["router"][slots], table["router_left"][slots]
    other = (held != 0) & (routers != held)
    since = np.where(np.isnan(left), times, left)
    waits = other & _alike(table["stack"][slots], stacks) & (times - since < GRACE)
    begun = waits & (routers != table["router_next"][slots])
    moves = slots[~waits]
    table["router"][moves], table["stack"][moves] = routers[~waits], stacks[~waits]
    table["router_next"][slots] = np.where(waits, routers, np.uint64(0))
    table["router_left"][slots] = np.where(waits, since, np.nan)
    found: Slots = slots[begun]
    return found


def _alike(old: NDArray[np.uint32], new: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Say which stacks have enough in common. old, new: (accounts, parts), 0 for unknown."""
    known = ((old != 0) | (new != 0)).sum(axis=1)
    same = ((old == new) & (new != 0)).sum(axis=1)
    found: NDArray[np.bool_] = same >= np.maximum(ALIKE * known, 1.0)
    return found


class Aliases:
    """Which fingerprints are upgrades of a router, and its id: that of the first of them."""

    def __init__(self) -> None:
        """Start without any."""
        self.table = Columns("aliases", {"first": Field("u8"), "at": Field("f8")})
        self._upgrades: Hashes = np.zeros(0, np.uint64)
        self._firsts: Hashes = np.zeros(0, np.uint64)

    def first(self, routers: Hashes) -> Hashes:
        """Return the first name of each router, itself if it has no other. Any shape."""
        if not len(self._upgrades):
            return routers
        place = np.minimum(np.searchsorted(self._upgrades, routers), len(self._upgrades) - 1)
        return np.where(self._upgrades[place] == routers, self._firsts[place], routers)

    def learn(self, upgrade: int, router: int, at: float, offset: int) -> None:
        """Know `upgrade`, and all that was known by that name, as `router`. A name once given stays; none may go round in a circle."""
        first, known = (int(self.first(np.array([name], np.uint64))[0]) for name in (router, upgrade))
        if known != upgrade or first == upgrade:
            return
        slot = self.table.intern([f"{upgrade:016x}"])
        self.table["at"][slot] = at
        held = self.table.slots
        changed = held[(self.table["first"][held] == upgrade) | (held == slot)]
        self.table["first"][changed] = first
        self.table.touch(changed, offset)
        if len(self.table) > MOST_ALIASES:
            oldest = min(held.tolist(), key=lambda each: (self.table["at"][each], self.table.keys[each]))
            self.table.evict(self.table.keys[oldest], offset)
        self.reread()

    def reread(self) -> None:
        """Read the table anew, as after a load."""
        held = self.table.slots
        upgrades = np.array([int(self.table.keys[slot], 16) for slot in held.tolist()], np.uint64)
        order = np.argsort(upgrades)
        self._upgrades, self._firsts = upgrades[order], self.table["first"][held][order]
