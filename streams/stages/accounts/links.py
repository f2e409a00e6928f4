"""What links each account to others: its newest card, organisation, network and tools, its router, and how common each value is."""

from __future__ import annotations

import numpy as np

from models.accumulators.step import Floats, Step
from models.evidence.prevalence import Prevalence
from models.state.columns import Slots
from streams.features.events import Events
from streams.schema.blocks import Block, Hashes
from streams.stages import router_upgrades
from streams.stages.accounts.clients import Clients
from streams.stages.accounts.state import LINK_COLUMNS, AccountState

RARITY_LINKS = ("router", "subnet", "tools")
"""Links whose rarity among all accounts the groups are told: a link that many share is public."""
_COUNTED_LINKS = (*RARITY_LINKS, "payment")
"""And the card, so that a payer's accounts have one vote together on what is usual for a client."""
_NEWEST_LINKS = {name: column for name, column in LINK_COLUMNS.items() if name != "router"}
"""Links of which the newest value counts; a router outlives an upgrade."""


class AccountLinks:
    """The links of this partition's accounts, counted by value, and the routers that are upgrades of others."""

    def __init__(self, state: AccountState) -> None:
        """Start without links."""
        self._state = state
        self._table = state.table
        self._prevalence = Prevalence(_COUNTED_LINKS)
        self.aliases = router_upgrades.Aliases()

    def accounts_with(self, link: str, values: Hashes) -> Floats:
        """Return how many accounts of this partition have each value of a link, (rows,), 0 for none."""
        return self._prevalence.accounts(link, values)

    def rarity(self, link: str, slots: Slots) -> Floats:
        """Return -ln of the share of this partition's accounts with these accounts' value, (accounts,), NaN where unknown."""
        return self._prevalence.rarity(link, self._table[link][slots], len(self._table))

    def keep_newest(self, events: Events) -> None:
        """Keep the newest known value of every link but the router, and of the date of creation."""
        step = events.step
        for link, column in _NEWEST_LINKS.items():
            hashes = events.hashed(column)
            known = np.flatnonzero(hashes)
            before = self._table[link][step.slots]
            self._table[link][step.slots[step.entity[known]]] = hashes[known]
            if link in _COUNTED_LINKS:
                self._prevalence.exchange(link, before, self._table[link][step.slots])
        created = events.number("account_created")
        known = np.flatnonzero(~np.isnan(created))
        self._table["created"][step.slots[step.entity[known]]] = created[known]

    def follow_routers(self, clients: Clients, step: Step, routers: Hashes) -> Slots:
        """Keep each account's router, which outlives an upgrade, and return the accounts that have just begun to show another.

        clients: in block order. routers: (events,), in step order, under their first names, 0 where unknown.
        """
        known = np.flatnonzero(routers)
        newest = np.full(len(step.slots), -1)
        newest[step.entity[known]] = known
        rows = newest[newest >= 0]
        slots = step.slots[step.entity[rows]]
        before = self._table["router"][slots]
        changing = router_upgrades.follow(self._table, slots, routers[rows], clients.parts(step.order[rows]), step.times[rows])
        self._prevalence.exchange("router", before, self._table["router"][slots])
        return changing

    def rename(self, verdicts: Block) -> None:
        """Count under its first name what the groups found to be a router's upgrade, and the accounts that have it already."""
        upgrades, firsts, times = verdicts.hashes("upgrade"), verdicts.hashes("router"), verdicts.numbers("until")
        for row in np.flatnonzero(upgrades).tolist():
            self.aliases.learn(int(upgrades[row]), int(firsts[row]), float(times[row]), self._state.offset)
        if upgrades.any():
            slots = self._table.slots
            before, following = self._table["router"][slots], self._table["router_next"][slots]
            after, ahead = self.aliases.first(before), self.aliases.first(following)
            ahead = np.where(ahead == after, np.uint64(0), ahead)
            changed = slots[(after != before) | (ahead != following)]
            self._prevalence.exchange("router", before, after)
            self._table["router"][slots], self._table["router_next"][slots] = after, ahead
            self._table.touch(changed, self._state.offset)

    def enter(self, slots: Slots) -> None:
        """Count the links of accounts that came back from the archive, their routers under the first names."""
        self._table["router"][slots] = self.aliases.first(self._table["router"][slots])
        for link in _COUNTED_LINKS:
            self._prevalence.exchange(link, np.zeros(len(slots), np.uint64), self._table[link][slots])

    def leave(self, slots: Slots) -> None:
        """Count the links of these accounts no longer; their rows keep them."""
        for link in _COUNTED_LINKS:
            self._prevalence.exchange(link, self._table[link][slots], np.zeros(len(slots), np.uint64))

    def reload(self) -> None:
        """Count anew from the loaded accounts."""
        self.aliases.reread()
        for link in _COUNTED_LINKS:
            self._prevalence.recount(link, self._table[link][self._table.slots])
