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
    ) -> None:
        """Start with the archived accounts in `rows`.

        Args:
            state: Accounts of the partition.
            links: Their links.
            votes: Their votes on features and scores.
            claims: Their votes on clients.
            rows: Archived accounts by id, as durable as the chunks.
            idle_seconds: Event time without a request after which an account is archived.
        """
        self._state, self._links, self._votes, self._claims = state, links, votes, claims
        self._rows = rows
        self._idle_seconds = idle_seconds
        self._next_search = -np.inf
        self.counts = {"evicted": 0.0, "restored": 0.0}

    def intern(self, accounts: Sequence[str]) -> Slots:
        """Return the slot of every account, (accounts,). Archived accounts are restored, unknown ones start empty."""
        table = self._state.table
        for account in accounts:
            if account not in table and account in self._rows:
                self._restore(account)
        return table.intern(accounts)

    def evict(self, safe_offset: int) -> None:
        """Search for idle accounts once per hour of event time, and archive at most MAX_EVICTIONS_PER_BLOCK of them.

        Args:
            safe_offset: Offset of the oldest block that may be repeated after a crash; accounts that it changed are not archived.
        """
        state, table = self._state, self._state.table
        if state.newest < self._next_search:
            return
        idle = table.idle(table["clock"] < state.newest - self._idle_seconds, safe_offset)
        for account in idle[:MAX_EVICTIONS_PER_BLOCK]:
            slot = np.array([table.find(account)])
            self._claims.withdraw(slot)
            self._votes.withdraw(slot)
            self._links.leave(slot)
            self._rows[account] = table.evict(account, state.offset)
            self.counts["evicted"] += 1
        if len(idle) <= MAX_EVICTIONS_PER_BLOCK:
            self._next_search = state.newest + EVICTION_INTERVAL_SECONDS

    def _restore(self, account: str) -> None:
        try:
            self._state.table.restore(self._rows[account])
        except StateLayoutError:
            return
        if account not in self._state.table:  # the row was another account's
            return
        self.counts["restored"] += 1
        self._links.enter(np.array([self._state.table.find(account)]))
