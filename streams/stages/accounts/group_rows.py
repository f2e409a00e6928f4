"""Rows of an account for the groups stage: one for its router, one for its card, one for its template."""

from __future__ import annotations

import numpy as np

from models.evidence.links import JOINING, LINKS, rarity_of
from models.state.columns import Slots
from streams.core.remembered import remembered
from streams.features.bank import Bank
from streams.features.expressions import col
from streams.features.readings import share
from streams.schema import layouts, topics
from streams.schema.blocks import BlockColumns
from streams.schema.names import entity_key
from streams.stages.accounts.links import RARITY_LINKS, AccountLinks
from streams.stages.accounts.state import AccountState
from streams.stages.stage import Message

MIN_TEMPLATE_PROMPTS = 2
"""Prompts with a template from which an account is one of the template's users."""

GROUP_READINGS = {
    "single_turn": share(col.fresh),
    "template_share": share(col.own_template),
    "job_share": share(col.own_job),
    "harvest_share": share(col.harvested),
}
"""Readings for features of groups that are not features of accounts, by column of `groups`."""
_COPIED = ("created", "age_rank", "router_since", *LINKS, "template_rarity", "prompt_sample", "evidence_shrunk", "evidence_raw")


class GroupRows:
    """Writes the rows of `groups`: work since the last row, and the account's current state."""

    def __init__(self, state: AccountState, bank: Bank, links: AccountLinks) -> None:
        """Write rows from these parts of the partition's state."""
        self._state, self._bank, self._links = state, bank, links

    def mark_sent(self, slots: Slots) -> None:
        """Reset the work of these accounts since their last row to 0."""
        for name in ("new_requests", "new_work_items", "new_harvest_items", "new_output"):
            self._state.table[name][slots] = 0.0

    def rows(self, slots: Slots, *, with_work: bool = True) -> list[Message]:
        """Return these accounts' rows, one block for each partition of `groups`; none where no account has a group.

        with_work: Whether the rows take the work since the last ones along; without it they only say what the accounts are now.
        """
        state, table = self._state, self._state.table
        linked = self._linked(slots)
        rows = np.concatenate([users for _, users in linked])
        if not len(rows):
            return []
        named = [_group(kind, value, state.partitions) for kind, users in linked for value in table[kind][users].tolist()]
        homes = np.array([home for _, home in named])
        order = np.argsort(homes, kind="stable")
        columns = self._columns(rows[order]) | {"group_id": [named[row][0] for row in order.tolist()]}
        if not with_work:
            columns |= dict.fromkeys(("requests", "begun", "jobs", "output_tokens"), np.zeros(len(rows)))
        sizes = np.bincount(homes, minlength=state.partitions).tolist()
        parts = layouts.GROUPS.parts(columns, sizes)
        return [Message(topics.GROUPS, home, data) for home, part in enumerate(parts) for data in part]

    def _linked(self, slots: Slots) -> list[tuple[str, Slots]]:
        """Return the accounts with a group of each kind."""
        table = self._state.table
        uses_template = (table["template"][slots] != 0) & (table["template_votes"][slots] >= MIN_TEMPLATE_PROMPTS)
        return [(kind, slots[uses_template if kind == "template" else table[kind][slots] != 0]) for kind in JOINING]

    def _columns(self, rows: Slots) -> BlockColumns:
        """Return the columns of these rows, without the groups' names. rows: slot of the account, once for each of its groups."""
        state, table = self._state, self._state.table
        reader = self._bank.reader(table, rows)
        return {
            "time": table["clock"][rows],
            "population": np.full(len(rows), state.population, np.float32),
            "source": np.full(len(rows), state.partition, np.float32),
            "offset": np.full(len(rows), float(state.offset)),
            "account_id": state.ids(rows),
            "requests": table["new_requests"][rows],
            "begun": table["new_work_items"][rows],
            "jobs": table["new_harvest_items"][rows],
            "output_tokens": table["new_output"][rows],
            "account_first": table["first"][rows],
            "account_begun": table["work_items"][rows],
            "account_jobs": table["harvest_items"][rows],
            "router_next": table["router_next"][rows],
            "next_accounts": self._links.accounts_with("router", table["router_next"][rows]),
            **{name: reading.read(reader)[0] for name, reading in GROUP_READINGS.items()},
            **{rarity_of(link): self._links.rarity(link, rows) for link in RARITY_LINKS},
            **{layouts.GROUP_ROW_NAMES.get(name, name): table[name][rows] for name in _COPIED},
        }


@remembered(calls=1 << 16)
def _group(kind: str, value: int, partitions: int) -> tuple[str, int]:
    """Return a group's id, and its partition."""
    name = entity_key(kind, value)
    return name, topics.partition_of(name, partitions)
