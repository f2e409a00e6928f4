"""The state of the accounts of one partition, apart from their accumulators: columns, newest event time, newest offset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.accumulators import dialogue, pauses
from models.accumulators.frequent import ENTITY_CELLS
from models.accumulators.grouped_events import GroupedEvents
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
        "tick_requests": Field("f8", doc="requests at its newest score"),
        "settled_requests": Field("f8", doc="requests at its newest score after a pause"),
        "tick_time": Field("f8", -np.inf, doc="event time of its newest score, epoch seconds"),
        "last_score_row_time": Field("f8", -np.inf, doc="event time of its newest score row, epoch seconds", formerly=("scored_time",)),
        "last_score_row_nats": Field("f4", doc="extraction in its newest score row, nats", formerly=("scored",)),
        "last_evidence_row_nats": Field("f4", doc="evidence in its newest row for the cases stage, nats", formerly=("reported",)),
        **{name: Field("u8", doc=f"its newest {name}, a hash") for name in LINKS},
        "link_weight": Field("f8", doc="what it counts among the payers of its links, 0..1"),
        **router_upgrades.FIELDS,
        "created": Field("f8", np.nan, doc="when it was created, epoch seconds"),
        "age_rank": Field("f4", np.nan, doc="share of all accounts that are younger, 0..1"),
        "pieces": Field("u8", width=ENTITY_CELLS, doc="frequent pieces of its harvesting prompts, hashes"),
        "piece_votes": Field("f4", width=ENTITY_CELLS, doc="how often it used each, halved now and then"),
        "template_votes": Field("f4", doc="how often it used its template, halved now and then"),
        "template_rarity": Field("f4", doc="-ln of the share of all prompts with its template, nats"),
        "best_extraction": Field("f4", doc="most evidence of extraction that it ever had, nats"),
        "best_routing": Field("f4", doc="most evidence of routing that it ever had, nats"),
        **dialogue.FIELDS,
        **pauses.FIELDS,
        "output": Field("f8", doc="output tokens in all"),
        "new_requests": Field("f8", doc="requests since its last row for the groups stage"),
        "prompt_sample": Field("u8", width=PROMPT_SHINGLES, doc="lowest hashes of its harvesting prompts", formerly=("fills",)),
        "work_items": Field("f8", doc="pieces of work begun, in all", formerly=("begun",)),
        "harvest_items": Field("f8", doc="those with an answer that is worth harvesting, in all", formerly=("jobs",)),
        "new_work_items": Field("f8", doc="pieces of work begun since its last row for the groups stage", formerly=("new_begun",)),
        "new_harvest_items": Field("f8", doc="of those, the ones worth harvesting", formerly=("new_jobs",)),
        "new_output": Field("f8", doc="output tokens since its last row for the groups stage"),
        "suspect_until": Field("f8", -np.inf, doc="event time until which it is suspect as a member of a group, epoch seconds"),
        "votes": Field("u1", NO_VOTE, labels=tuple(features), doc="its vote on each feature, a bin"),
        "level_votes": Field("u1", NO_VOTE, labels=FAMILIES, doc="its vote on the level of each family, a bin"),
        "score_vote": Field("u1", NO_VOTE, doc="its vote on scores, a bin"),
        "vote_weight": Field("f4", 1.0, doc="what its votes count, 0..1"),
        "claim_votes": Field("u8", width=2 * VOTE_KEYS, doc="keys of its vote on its client"),
        "claim_weight": Field("f8", doc="what that vote counts, 0..1"),
        "evidence_shrunk": Field("f4", np.nan, labels=FAMILIES, doc="evidence by family, shrunk for few events, nats", formerly=("own",)),
        "evidence_raw": Field("f4", np.nan, labels=FAMILIES, doc="evidence by family before shrinkage, nats", formerly=("raw",)),
    }
