"""Links between accounts: each account's newest card, organisation, network and tools, its router, and how common each value is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats, Hashes
from models.evidence import links
from models.evidence.client_claims import weight
from models.evidence.prevalence import Prevalence
from models.state.columns import Slots
from streams.features.events import Events
from streams.schema.blocks import Block
from streams.stages import router_upgrades
from streams.stages.accounts.clients import Clients
from streams.stages.accounts.state import AccountState

RARITY_LINKS = tuple(link for link in links.MIN_PAYERS if link != "template")
"""Links whose rarity among all payers is sent to the groups stage: what many payers share is public. A template is rare among prompts."""
_ACCOUNT_LINKS = ("router", "payment")
"""Links counted by account: those of a payer share one vote, and a new router is an upgrade if most of its accounts came together."""
_COUNTED = tuple(dict.fromkeys((*_ACCOUNT_LINKS, *RARITY_LINKS, *links.KEYED)))


class AccountLinks:
    """The links of this partition's accounts, counted by value, and the routers that are upgrades of others."""

    def __init__(self, state: AccountState) -> None:
        """Start without links."""
        self._state = state
        self._table = state.table
        self._accounts = Prevalence(_ACCOUNT_LINKS)
        self._payers = Prevalence(RARITY_LINKS)
        self._total = 0.0
        self.aliases = router_upgrades.Aliases()

    def accounts_with(self, link: str, values: Hashes) -> Floats:
        """Return the number of this partition's accounts with each router or card, (rows,). values: (rows,), 0 for none."""
        return self._accounts.counted(link, values)

    def vote_weight(self, slots: Slots) -> Floats:
        """Return the weight of each account's vote, (accounts,): all accounts of a payer together have about one."""
        return weight(self.accounts_with("payment", self._table["payment"][slots]))

    def rarity(self, link: str, slots: Slots) -> Floats:
        """Return -ln of the share of this partition's payers with each account's value, (accounts,), NaN where unknown."""
        return self._payers.rarity(link, self._table[link][slots], self._total)

    def keep_newest(self, events: Events) -> None:
        """Store the newest known value of every link except the router, and of the date of creation.

        A late request has no newest value, except of what was unknown.
        """
        grouped = events.grouped
        before = {link: self._table[link][grouped.slots] for link in _COUNTED}
        for link, column in links.NEWEST.items():
            hashes = events.hashed(column)
            known = np.flatnonzero((hashes != 0) & (grouped.newer | (self._table[link][grouped.slots] == 0)[grouped.entity]))
            self._table[link][grouped.slots[grouped.entity[known]]] = hashes[known]
        self._count(grouped.slots, before)
        created = events.number("account_created")
        known = np.flatnonzero(~np.isnan(created) & (grouped.newer | np.isnan(self._table["created"][grouped.slots])[grouped.entity]))
        self._table["created"][grouped.slots[grouped.entity[known]]] = created[known]

    def follow_routers(self, clients: Clients, grouped: GroupedEvents, routers: Hashes) -> Slots:
        """Update each account's router, and return the slots of the accounts that have just changed to another, (changed,).

        A late request shows no newer router than the account has.

        Args:
            clients: Clients of the block, in block order.
            grouped: The events of the block by account.
            routers: First id of each event's router, (events,), in slot order, 0 where unknown.
        """
        known = np.flatnonzero((routers != 0) & (grouped.newer | (self._table["router"][grouped.slots] == 0)[grouped.entity]))
        newest = np.full(len(grouped.slots), -1)
        newest[grouped.entity[known]] = known
        rows = newest[newest >= 0]
        slots = grouped.slots[grouped.entity[rows]]
        before = self._table["router"][slots]
        changing = router_upgrades.follow(self._table, slots, routers[rows], clients.parts(grouped.order[rows]), grouped.times[rows])
        self._move_router(slots, before)
        return changing

    def rename(self, feedback: Block) -> None:
        """Record the upgrades announced by the groups stage, and move accounts with an upgraded router to its first id."""
        upgrades, firsts, times = feedback.hashes("upgrade"), feedback.hashes("router"), feedback.numbers("until")
        for row in np.flatnonzero(upgrades).tolist():
            self.aliases.learn(int(upgrades[row]), int(firsts[row]), float(times[row]), self._state.offset)
        if upgrades.any():
            slots = self._table.slots
            before, following = self._table["router"][slots], self._table["router_next"][slots]
            after, ahead = self.aliases.first(before), self.aliases.first(following)
            ahead = np.where(ahead == after, np.uint64(0), ahead)
            changed = slots[(after != before) | (ahead != following)]
            self._table["router"][slots], self._table["router_next"][slots] = after, ahead
            self._move_router(slots, before)
            self._table.touch(changed, self._state.offset)

    def follow_keys(self, aliases: Hashes) -> Slots:
        """Move links from their pseudonyms under the key before to those of now, and return the accounts whose card moved, (changed,).

        Of two pseudonyms of one card the account gets the one of now:

        >>> from streams.stages.accounts.state import account_fields
        >>> state = AccountState(0, 1, account_fields([]))
        >>> links, ada = AccountLinks(state), state.table.intern(["ada"])
        >>> state.table["payment"][ada] = 5
        >>> links.count_links(ada)
        >>> links.follow_keys(np.array([[9, 5]], np.uint64)).tolist(), state.table["payment"][ada].tolist()
        ([0], [9])

        Args:
            aliases: Pairs (now, before), (pairs, 2). Of a value that has moved already nothing changes.
        """
        if not len(aliases):
            return np.zeros(0, np.int64)
        order = np.argsort(aliases[:, 1])
        now, before = aliases[order, 0], aliases[order, 1]
        slots = self._table.slots
        old = {link: self._table[link][slots] for link in _COUNTED}
        new = dict(old)
        for link in links.KEYED:
            position = np.minimum(np.searchsorted(before, old[link]), len(before) - 1)
            new[link] = np.where((before[position] == old[link]) & (old[link] != 0), now[position], old[link])
        rows = np.flatnonzero(np.any([new[link] != old[link] for link in links.KEYED], axis=0))
        if len(rows):
            for link in links.KEYED:
                self._table[link][slots[rows]] = new[link][rows]
            self._count(slots[rows], {link: values[rows] for link, values in old.items()})
            self._table.touch(slots[rows], self._state.offset)
        carded: Slots = slots[new["payment"] != old["payment"]]
        return carded

    def count_links(self, slots: Slots) -> None:
        """Count the links of accounts restored from the archive, their routers under the first id."""
        self._table["router"][slots] = self.aliases.first(self._table["router"][slots])
        self._table["link_weight"][slots] = 0.0
        self._count(slots, {link: np.zeros(len(slots), np.uint64) for link in _COUNTED})

    def uncount_links(self, slots: Slots) -> None:
        """Stop counting the links of these accounts; the links stay in their rows."""
        none, weights = np.zeros(len(slots), np.uint64), self._table["link_weight"][slots]
        for link in _ACCOUNT_LINKS:
            self._accounts.replace_votes(link, self._table[link][slots], none)
        for link in RARITY_LINKS:
            self._payers.replace_votes(link, self._table[link][slots], none, weights, weights)
        self._total -= float(weights.sum())

    def reload(self) -> None:
        """Rebuild the counts from the loaded accounts."""
        self.aliases.reread()
        slots = self._table.slots
        weights = self._table["link_weight"][slots]
        for link in _ACCOUNT_LINKS:
            self._accounts.recount(link, self._table[link][slots])
        for link in RARITY_LINKS:
            self._payers.recount(link, self._table[link][slots], weights)
        self._total = float(weights.sum())

    def _count(self, slots: Slots, before: Mapping[str, Hashes]) -> None:
        """Count the links of these accounts, and weigh them by their payers' accounts. before: values counted so far, by link."""
        for link in _ACCOUNT_LINKS:
            self._accounts.replace_votes(link, before[link], self._table[link][slots])
        old, new = self._table["link_weight"][slots], self.vote_weight(slots)
        for link in RARITY_LINKS:
            self._payers.replace_votes(link, before[link], self._table[link][slots], old, new)
        self._table["link_weight"][slots] = new
        self._total += float((new - old).sum())

    def _move_router(self, slots: Slots, before: Hashes) -> None:
        """Count these accounts' routers under their new ids. before: ids so far, (accounts,)."""
        weights, routers = self._table["link_weight"][slots], self._table["router"][slots]
        self._accounts.replace_votes("router", before, routers)
        self._payers.replace_votes("router", before, routers, weights, weights)
