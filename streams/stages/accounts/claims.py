"""Votes of the accounts on the usual transport of each client: one vote an account, from its newest request."""

from __future__ import annotations

import numpy as np

from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats, Hashes
from models.evidence.client_claims import VOTE_KEYS, ClientClaims
from models.state.columns import Slots
from streams.stages.accounts.clients import Clients
from streams.stages.accounts.links import AccountLinks
from streams.stages.accounts.state import AccountState


class ClaimVotes:
    """The votes of this partition's accounts on clients. Suspects have no vote; the accounts of one payer together count about one."""

    def __init__(self, state: AccountState, links: AccountLinks) -> None:
        """Start without votes."""
        self._state = state
        self._links = links
        self._claims = ClientClaims()

    def misfit(self, clients: Clients) -> tuple[Floats, Floats]:
        """Return how unusual each request's transport is for the client that it claims, nats, and how far that is known, 0..1, (rows,)."""
        return self._claims.misfit(clients.claim, clients.connection, clients.head)

    def cast(self, clients: Clients, grouped: GroupedEvents) -> None:
        """Replace the votes of a block's accounts by those of their newest requests. clients: of the block, in block order.

        An account of which all requests of the block are late keeps its vote.
        """
        last = grouped.starts + grouped.counts - 1
        votes = np.where(self._state.is_unsuspected(grouped.slots)[:, None], clients.votes(grouped.order[last]), np.uint64(0))
        changed = np.flatnonzero(grouped.newer[last] & (votes != self._state.table["claim_votes"][grouped.slots]).any(axis=1))
        slots = grouped.slots[changed]
        self._replace_votes(slots, votes[changed], self._links.vote_weight(slots))

    def withdraw(self, slots: Slots) -> None:
        """Remove the votes of these accounts, (accounts,)."""
        self._replace_votes(slots, np.zeros((len(slots), 2 * VOTE_KEYS), np.uint64), np.zeros(len(slots)))

    def reload(self) -> None:
        """Rebuild the counts from the loaded accounts."""
        self._claims.recount(self._state.table["claim_votes"], self._state.table["claim_weight"])

    def _replace_votes(self, slots: Slots, votes: Hashes, weights: Floats) -> None:
        table = self._state.table
        self._claims.replace_votes(table["claim_votes"][slots], table["claim_weight"][slots], votes, weights)
        table["claim_votes"][slots], table["claim_weight"][slots] = votes, weights
