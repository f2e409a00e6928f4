"""Links between accounts: each account's newest card, organisation, network and tools, its router, and how common each value is."""

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
"""Links whose rarity among all accounts is sent to the groups stage: a link that many accounts share is public."""
_COUNTED_LINKS = (*RARITY_LINKS, "payment")
"""Links counted by value. The card is counted so that all accounts of a payer have about one vote on clients."""
_NEWEST_LINKS = {name: column for name, column in LINK_COLUMNS.items() if name != "router"}
"""Links of which the newest value counts; a router stays through an upgrade."""


class AccountLinks:
    """The links of this partition's accounts, counted by value, and the routers that are upgrades of others."""

    def __init__(self, state: AccountState) -> None:
        """Start without links."""
        self._state = state
        self._table = state.table
        self._prevalence = Prevalence(_COUNTED_LINKS)
        self.aliases = router_upgrades.Aliases()

    def accounts_with(self, link: str, values: Hashes) -> Floats:
        """Return the number of this partition's accounts with each value of a link, (rows,). values: (rows,), 0 for none."""
        return self._prevalence.accounts(link, values)

    def rarity(self, link: str, slots: Slots) -> Floats:
        """Return -ln of the share of this partition's accounts with each account's value, (accounts,), NaN where unknown."""
        return self._prevalence.rarity(link, self._table[link][slots], len(self._table))

    def keep_newest(self, events: Events) -> None:
        """Store the newest known value of every link except the router, and of the date of creation."""
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
        """Update each account's router, and return the slots of the accounts that have just changed to another, (changed,).

        Args:
            clients: Clients of the block, in block order.
            step: The step of the block.
            routers: First id of each event's router, (events,), in step order, 0 where unknown.
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
        """Record the upgrades announced by the groups stage, and move accounts with an upgraded router to its first id."""
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
        """Count the links of accounts restored from the archive, their routers under the first id."""
        self._table["router"][slots] = self.aliases.first(self._table["router"][slots])
        for link in _COUNTED_LINKS:
            self._prevalence.exchange(link, np.zeros(len(slots), np.uint64), self._table[link][slots])

    def leave(self, slots: Slots) -> None:
        """Stop counting the links of these accounts; the links stay in their rows."""
        for link in _COUNTED_LINKS:
            self._prevalence.exchange(link, self._table[link][slots], np.zeros(len(slots), np.uint64))

    def reload(self) -> None:
        """Rebuild the counts from the loaded accounts."""
        self.aliases.reread()
        for link in _COUNTED_LINKS:
            self._prevalence.recount(link, self._table[link][self._table.slots])
