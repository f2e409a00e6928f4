"""Which prompt template each account uses, and which templates several accounts share."""

from __future__ import annotations

import numpy as np

from models.accumulators.frequent import frequent, usual
from models.accumulators.grouped_events import GroupedEvents
from models.accumulators.recurring import Recurring, Templates
from models.arrays import Floats, Hashes
from models.state.columns import Columns, Field
from streams.features import derived
from streams.stages.accounts.state import AccountState

MAX_SHARED_TEMPLATES = 1 << 16
"""Templates known to be shared by several accounts; of more, the newest stay."""


class AccountTemplates:
    """The recurring pieces of this partition's prompts, and each account's own template."""

    def __init__(self, state: AccountState, cells: int) -> None:
        """Start empty. cells: number of cells of the table of shingles, a power of two."""
        self._state, self._table = state, state.table
        self.recurring = Recurring(cells)
        self.shared: Hashes = np.zeros(0, np.uint64)
        """Templates that the groups announced as shared, ascending."""
        self._by_age: Hashes = self.shared
        self.public_until = Columns("public_templates", {"until": Field("f8", -np.inf)})
        """Until when each is public, epoch seconds, by its 16 hex digits: stored, or a new owner would link by it again."""
        self.public: Hashes = self.shared
        """Templates that link no accounts, ascending."""

    def publish(self, templates: Hashes, until: Floats) -> None:
        """Note until when templates are public: accounts are then known by another piece of their prompts.

        >>> known = AccountTemplates(AccountState(0, 1, {}), 8)
        >>> known.publish(np.array([7, 0, 5], np.uint64), np.array([90.0, 90.0, np.nan])), known.public.tolist()
        (None, [7])

        Args:
            templates: (rows,), 0 for none.
            until: Epoch seconds, (rows,), NaN for a template that is shared and not public.
        """
        rows = np.flatnonzero((templates != 0) & ~np.isnan(until))
        if not len(rows):
            return
        table, offset = self.public_until, self._state.offset
        slots = table.intern([f"{template:016x}" for template in templates[rows].tolist()])
        table["until"][slots] = until[rows]
        table.touch(slots, offset)
        for ended in [table.keys[slot] for slot in table.slots[table["until"][table.slots] <= self._state.newest].tolist()]:
            table.evict(ended, offset)
        self.reload()

    def reload(self) -> None:
        """Take the public templates from their table, as after a load."""
        self.public = np.array(sorted(int(self.public_until.keys[slot], 16) for slot in self.public_until.slots.tolist()), np.uint64)

    def share(self, templates: Hashes) -> None:
        """Add templates to the shared ones: those that are known already cost a look-up. templates: (rows,), 0 for none.

        >>> known = AccountTemplates(AccountState(0, 1, {}), 8)
        >>> known.share(np.array([7, 0, 5], np.uint64)), known.share(np.array([5, 6], np.uint64)), known.shared.tolist()
        (None, None, [5, 6, 7])
        """
        named = np.unique(templates[templates != 0])
        at = np.searchsorted(self.shared, named)
        fresh = (
            named[(at == len(self.shared)) | (self.shared[np.minimum(at, len(self.shared) - 1)] != named)] if len(self.shared) else named
        )
        if len(fresh):
            self._by_age = np.concatenate([self._by_age, fresh])[-MAX_SHARED_TEMPLATES:]
            self.shared = np.sort(self._by_age)

    def choose(self, grouped: GroupedEvents, templates: Templates, purpose: Floats) -> Hashes:
        """Update each account's template, the most telling one of its harvesting prompts, and return it for each event.

        Of two pieces that an account uses as often the rarer one is its template, and one that is half as frequent is, where hardly anybody
        else has it: a public text links strangers (`docs/decisions/0035-a-rare-piece.md`).

        Args:
            grouped: The events of the block by account.
            templates: Templates of the block's events, in block order.
            purpose: How much of each event is what is harvested, (events,), in slot order.

        Returns:
            The account's template, (events,), in slot order, 0 for none.
        """
        harvested = np.where(purpose[:, None] >= derived.MIN_PURPOSE_SHARE, derived.pieces(templates)[grouped.order], np.uint64(0))
        table, slots = self._table, grouped.slots
        pieces, votes = table["pieces"][slots], table["piece_votes"][slots]
        if len(self.public):
            harvested = np.where(np.isin(harvested, self.public), np.uint64(0), harvested)
            votes = np.where(np.isin(pieces, self.public), 0.0, votes)
        pieces, votes = frequent(pieces, votes, grouped.entity, harvested)
        table["pieces"][slots], table["piece_votes"][slots] = pieces, votes
        table["template"][slots], table["template_votes"][slots] = usual(pieces, votes, self.recurring.rarity(pieces) ** 2)
        share = self.recurring.shares(table["template"][slots])
        known = np.flatnonzero(share)
        table["template_rarity"][slots[known]] = -np.log(share[known])
        chosen: Hashes = table["template"][slots][grouped.entity]
        return chosen
