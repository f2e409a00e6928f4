"""Idle accounts move to an archive, and return from it with their next request."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence

import numpy as np

from models.state.columns import Slots, StateLayoutError
from streams.stages.accounts.claims import ClaimVotes
from streams.stages.accounts.links import AccountLinks
from streams.stages.accounts.state import AccountState
from streams.stages.accounts.votes import Votes

MAX_EVICTIONS_PER_BLOCK = 64
EVICTION_INTERVAL_SECONDS = 3600.0
"""Event time between two searches for idle accounts, after all idle accounts are archived."""
MAX_ACCOUNTS = 262_144
"""Accounts of a partition in memory, 4.3 KB each. New ones beyond that are not counted until there is room."""
CROWDED_SHARE = 0.75
"""Share of MAX_ACCOUNTS from which those with the fewest requests are archived: a flood of new ones makes room for itself."""
MAX_CROWD_EVICTIONS_PER_BLOCK = 512


class Archive:
    """The idle accounts of one partition, one row of bytes for each. An archived account has no vote and counts for no link."""

    def __init__(
        self,
        state: AccountState,
        links: AccountLinks,
        votes: Votes,
        claims: ClaimVotes,
        rows: MutableMapping[str, bytes],
        idle_seconds: float,
        max_accounts: int = MAX_ACCOUNTS,
    ) -> None:
        """Start with the archived accounts in `rows`.

        Args:
            state: Accounts of the partition.
            links: Their links.
            votes: Their votes on features and scores.
            claims: Their votes on clients.
            rows: Archived accounts by id, as durable as the chunks.
            idle_seconds: Event time without a request after which an account is archived.
            max_accounts: Accounts in memory.
        """
        self._state, self._links, self._votes, self._claims = state, links, votes, claims
        self._rows = rows
        self._idle_seconds = idle_seconds
        self._max_accounts = max_accounts
        self._next_search = -np.inf
        self.counts = {"evicted": 0.0, "restored": 0.0}

    def intern(self, accounts: Sequence[str]) -> Slots:
        """Return the slot of every account, (accounts,). Archived accounts are restored, unknown ones start empty.

        -1 is for accounts that memory has no room for.
        """
        table = self._state.table
        unknown = [account for account in accounts if account not in table]
        for account in unknown:
            if len(table) < self._max_accounts and account in self._rows:
                self._restore(account)
        unknown = [account for account in unknown if account not in table]
        left_out = set(unknown[max(0, self._max_accounts - len(table)) :])
        if not left_out:
            return table.intern(accounts)
        admitted = [account for account in accounts if account not in left_out]
        slots = dict(zip(admitted, table.intern(admitted).tolist(), strict=True))
        return np.array([slots.get(account, -1) for account in accounts], np.int64)

    def evict(self, safe_offset: int) -> None:
        """Search for idle accounts once per hour of event time, and archive at most MAX_EVICTIONS_PER_BLOCK of them.

        In a crowd those with the fewest requests are archived with each block: accounts that have a past stay.

        Args:
            safe_offset: Offset of the oldest block that may be repeated after a crash; accounts that it changed are not archived.
        """
        state, table = self._state, self._state.table
        excess = int(len(table) - CROWDED_SHARE * self._max_accounts)
        if excess > 0:
            self._archive(table.least(table["requests"], safe_offset, min(excess, MAX_CROWD_EVICTIONS_PER_BLOCK)))
        if state.newest < self._next_search:
            return
        idle = table.idle(table["clock"] < state.newest - self._idle_seconds, safe_offset)
        self._archive(idle[:MAX_EVICTIONS_PER_BLOCK])
        if len(idle) <= MAX_EVICTIONS_PER_BLOCK:
            self._next_search = state.newest + EVICTION_INTERVAL_SECONDS

    def _archive(self, accounts: Sequence[str]) -> None:
        state, table = self._state, self._state.table
        for account in accounts:
            self._withdraw(np.array([table.find(account)]))
            self._rows[account] = table.evict(account, state.offset)
            self.counts["evicted"] += 1

    def erase(self, account: str) -> int:
        """Remove an account from memory and from the archive, and return the number of rows removed."""
        table, removed = self._state.table, 0
        if account in table:
            slot = np.array([table.find(account)])
            self._withdraw(slot)
            table.evict(account, self._state.offset)
            removed += 1
        if account in self._rows:
            del self._rows[account]
            removed += 1
        return removed

    def _withdraw(self, slot: Slots) -> None:
        """Remove an account's votes, and count it for no link."""
        self._claims.withdraw(slot)
        self._votes.withdraw(slot)
        self._links.leave(slot)

    def _restore(self, account: str) -> None:
        try:
            self._state.table.restore(self._rows[account])
        except StateLayoutError:
            return
        if account not in self._state.table:  # the row was another account's
            return
        self.counts["restored"] += 1
        self._links.enter(np.array([self._state.table.find(account)]))
