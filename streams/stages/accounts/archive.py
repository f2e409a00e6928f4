"""Idle accounts move to an archive, return from it with their next request, and end when none has come for long."""

from __future__ import annotations

import math
import struct
from collections.abc import MutableMapping, Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

import numpy as np
import zstandard

from models.durations import DAY
from models.state.columns import Slots, StateLayoutError
from streams.stages.accounts.claims import ClaimVotes
from streams.stages.accounts.links import AccountLinks
from streams.stages.accounts.state import AccountState
from streams.stages.accounts.votes import Votes

MAX_EVICTIONS_PER_BLOCK = 64
EVICTION_INTERVAL_SECONDS = 3600.0
"""Event time between two searches for idle accounts, after all idle accounts are archived."""
MAX_ACCOUNTS = 262_144
ARCHIVE_SECONDS: Final = 400 * DAY
"""Event time for which an account without a request is kept, in memory and then in the archive."""
CROWDED_SHARE = 0.75
"""Share of `max_accounts` from which those with the fewest requests are archived: a flood of new ones makes room for itself."""
MAX_CROWD_EVICTIONS_PER_BLOCK = 512
SWEEP_INTERVAL_SECONDS: Final = DAY
"""Event time between two searches of the archive for accounts that have to end."""
MAX_SWEPT_ACCOUNTS: Final = 64
"""Archived accounts that are looked at with each block of a search."""
_LAST_REQUEST: Final = struct.Struct("<d")
_ZSTD: Final = zstandard.MAGIC_NUMBER.to_bytes(4, "little")
"""Which no time of these centuries begins with."""


class Retention(NamedTuple):
    """How many accounts are kept where, and for how long."""

    idle_seconds: float = 14 * DAY
    """Event time without a request after which an account is archived."""
    kept_seconds: float = ARCHIVE_SECONDS
    """Event time without a request after which an account leaves the archive."""
    max_accounts: int = MAX_ACCOUNTS
    """Accounts of a partition in memory, 4.3 KB each. New ones beyond that are not counted until there is room."""


@runtime_checkable
class Pages(Protocol):
    """An archive that is too large to be listed at once."""

    def page(self, after: str, most: int) -> list[tuple[str, bytes]]:
        """Return the next archived accounts after this one in the order of their ids, at most `most`, fewer only at the end."""
        ...


class _Sweep(NamedTuple):
    """A search of the archive for accounts that have to end."""

    due: float = -np.inf
    """Event time of the next one."""
    after: str = ""
    """The last account that the running one has looked at."""


class Archive:
    """The idle accounts of one partition, one row of bytes for each. An archived account has no vote and counts for no link."""

    def __init__(
        self,
        state: AccountState,
        links: AccountLinks,
        votes: Votes,
        claims: ClaimVotes,
        rows: MutableMapping[str, bytes],
        retention: Retention,
    ) -> None:
        """Start with the archived accounts in `rows`.

        Args:
            state: Accounts of the partition.
            links: Their links.
            votes: Their votes on features and scores.
            claims: Their votes on clients.
            rows: Archived accounts by id, as durable as the chunks.
            retention: How many accounts are kept, and for how long.
        """
        self._state, self._links, self._votes, self._claims = state, links, votes, claims
        self.rows = rows
        """Archived accounts by id: the time of the last request, then the row."""
        self._retention = retention
        self._sweep = _Sweep()
        self._next_search = -np.inf
        self.counts = {"evicted": 0.0, "restored": 0.0, "ended": 0.0}

    def intern(self, accounts: Sequence[str]) -> Slots:
        """Return the slot of every account, (accounts,). Archived accounts are restored, unknown ones start empty.

        -1 is for accounts that memory has no room for.
        """
        table = self._state.table
        unknown = [account for account in accounts if account not in table]
        for account in unknown:
            if len(table) < self._retention.max_accounts and account in self.rows:
                self._restore(account)
        unknown = [account for account in unknown if account not in table]
        left_out = set(unknown[max(0, self._retention.max_accounts - len(table)) :])
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
        excess = int(len(table) - CROWDED_SHARE * self._retention.max_accounts)
        if excess > 0:
            self._archive(table.least(table["requests"], safe_offset, min(excess, MAX_CROWD_EVICTIONS_PER_BLOCK)))
        if state.newest < self._next_search:
            return
        idle = table.idle(table["clock"] < state.newest - self._retention.idle_seconds, safe_offset)
        self._archive(idle[:MAX_EVICTIONS_PER_BLOCK])
        if len(idle) <= MAX_EVICTIONS_PER_BLOCK:
            self._next_search = state.newest + EVICTION_INTERVAL_SECONDS
        self._end_accounts()

    def _end_accounts(self) -> None:
        """Once a day of event time, a page with each block: remove archived accounts whose last request is too long ago."""
        now, sweep = self._state.newest, self._sweep
        if now < sweep.due:
            return
        paged = isinstance(self.rows, Pages)
        page = self.rows.page(sweep.after, MAX_SWEPT_ACCOUNTS) if isinstance(self.rows, Pages) else list(self.rows.items())
        for account, row in page:
            if row.startswith(_ZSTD):  # from before rows said when their account was last seen
                self.rows[account] = _LAST_REQUEST.pack(now) + row
            elif _LAST_REQUEST.unpack_from(row)[0] < now - self._retention.kept_seconds:
                del self.rows[account]
                self.counts["ended"] += 1
        more = paged and len(page) == MAX_SWEPT_ACCOUNTS
        self._sweep = _Sweep(sweep.due, page[-1][0]) if more else _Sweep(now + SWEEP_INTERVAL_SECONDS)

    def _archive(self, accounts: Sequence[str]) -> None:
        state, table = self._state, self._state.table
        for account in accounts:
            self._withdraw(np.array([table.find(account)]))
            last = float(table["clock"][table.find(account)])
            self.rows[account] = _LAST_REQUEST.pack(last) + table.evict(account, state.offset)
            self.counts["evicted"] += 1

    def began(self, account: str) -> float:
        """Return when an account made its first request, epoch seconds; -inf for one that is unknown."""
        table = self._state.table
        if account in self.rows and account not in table:
            self._restore(account)
        return float(table["first"][table.find(account)]) if account in table else -math.inf

    def erase(self, account: str, time: float) -> int:
        """Remove an account from memory and from the archive, and return the number of rows removed.

        One that began after `time` (epoch seconds) stays: it was erased before, and the command came again.
        """
        table, removed = self._state.table, 0
        if self.began(account) > time:
            return 0
        if account in table:
            slot = np.array([table.find(account)])
            self._withdraw(slot)
            table.evict(account, self._state.offset)
            removed += 1
        if account in self.rows:
            del self.rows[account]
            removed += 1
        return removed

    def _withdraw(self, slot: Slots) -> None:
        """Remove an account's votes, and count it for no link."""
        self._claims.withdraw(slot)
        self._votes.withdraw(slot)
        self._links.uncount_links(slot)

    def _restore(self, account: str) -> None:
        try:
            row = self.rows[account]
            self._state.table.restore(row if row.startswith(_ZSTD) else row[_LAST_REQUEST.size :])
        except StateLayoutError:
            return
        if account not in self._state.table:  # the row was another account's
            return
        self.counts["restored"] += 1
        self._links.count_links(np.array([self._state.table.find(account)]))
