"""The state of the accounts of one partition, apart from their accumulators: columns, newest event time, newest offset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.accumulators import dialogue
from models.accumulators.frequent import ENTITY_CELLS
from models.accumulators.grouped_events import GroupedEvents
from models.evidence import calibration
from models.evidence.calibration import NO_VOTE
from models.evidence.client_claims import VOTE_KEYS
from models.evidence.families import FAMILIES
from models.evidence.links import LINKS
from models.state.columns import Columns, Field, Slots
from streams.schema.prompt_sketch import PROMPT_SHINGLES
from streams.stages import router_upgrades

FIRST_REQUESTS = 8
"""Requests of a new account that are scored one by one; after them the account has a vote in the references."""


class AccountState:
    """The accounts of one partition, one row for each."""

    def __init__(self, partition: int, partitions: int, fields: Mapping[str, Field]) -> None:
        """Start empty. fields: columns of an account, in stored order."""
        self.partition = partition
        self.partitions = partitions
        self.table = Columns("accounts", fields)
        self.newest = -np.inf
        """Newest event time of any account, seconds since 1970; -inf before the first event."""
        self.offset = -1
        """Offset of the newest block of `requests`; -1 before the first."""

    @property
    def population(self) -> float:
        """Approximate number of accounts in all partitions."""
        return float(len(self.table) * self.partitions)

    def ids(self, slots: Slots) -> list[str]:
        """Return the account ids of these slots, (accounts,)."""
        return [self.table.keys[slot] for slot in slots.tolist()]

    def is_unsuspected(self, slots: Slots) -> NDArray[np.bool_]:
        """Return which of these accounts are not suspected by a group at their newest event, (accounts,)."""
        unsuspected: NDArray[np.bool_] = self.table["suspect_until"][slots] < self.table["clock"][slots]
        return unsuspected

    def is_established(self, slots: Slots) -> NDArray[np.bool_]:
        """Return which of these accounts have made FIRST_REQUESTS requests and are not suspected, (accounts,)."""
        established: NDArray[np.bool_] = (self.table["requests"][slots] >= FIRST_REQUESTS) & self.is_unsuspected(slots)
        return established

    def suspect(self, slots: Slots, until: Sequence[float]) -> None:
        """Mark these accounts as suspect until the given times, epoch seconds. A later end stays; an unknown time changes nothing."""
        self.table["suspect_until"][slots] = np.fmax(self.table["suspect_until"][slots], until)
        self.table.touch(slots, self.offset)

    def advance(self, grouped: GroupedEvents) -> None:
        """Mark the accounts of these events as changed by the block at `offset`."""
        self.table.touch(grouped.slots, self.offset)
        self.newest = max(self.newest, float(grouped.clock.max()))

    def reload(self) -> None:
        """Recompute the newest event time from the loaded accounts."""
        if len(self.table):
            self.newest = float(self.table["clock"][self.table.slots].max())


def account_fields(features: Sequence[str]) -> dict[str, Field]:
    """Return the columns of an account, apart from its accumulators. features: names of the features, in the order of the votes."""
    return {
        # newest score, and newest score row
        "tick_requests": Field("f8"),
        "tick_time": Field("f8", -np.inf),
        "scored_time": Field("f8", -np.inf),
        "scored": Field("f4"),
        "reported": Field("f4"),
        # links
        **{name: Field("u8") for name in LINKS},
        "link_weight": Field("f8"),
        **router_upgrades.FIELDS,
        "created": Field("f8", np.nan),
        "age_rank": Field("f4", np.nan),
        "pieces": Field("u8", width=ENTITY_CELLS),
        "piece_votes": Field("f4", width=ENTITY_CELLS),
        "template_votes": Field("f4"),
        "template_rarity": Field("f4"),
        "best_extraction": Field("f4"),
        "best_routing": Field("f4"),
        # its newest requests, which later ones may continue
        **dialogue.FIELDS,
        # work in all; `new_`: since the last row for the groups stage
        "output": Field("f8"),
        "new_requests": Field("f8"),
        "fills": Field("u8", width=PROMPT_SHINGLES),
        "begun": Field("f8"),
        "jobs": Field("f8"),
        "new_begun": Field("f8"),
        "new_jobs": Field("f8"),
        "new_output": Field("f8"),
        # votes
        "suspect_until": Field("f8", -np.inf),
        "votes": Field("u1", NO_VOTE, labels=tuple(features)),
        "level_votes": Field("u1", NO_VOTE, labels=FAMILIES),
        "score_vote": Field("u1", calibration.NO_VOTE),
        "vote_weight": Field("f4", 1.0),
        "claim_votes": Field("u8", width=2 * VOTE_KEYS),
        "claim_weight": Field("f8"),
        # evidence by family, after and before shrinkage
        "own": Field("f4", np.nan, labels=FAMILIES),
        "raw": Field("f4", np.nan, labels=FAMILIES),
    }
