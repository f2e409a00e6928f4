"""When an account is scored, and what its score is: features -> tails -> levels of families -> evidence in nats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.accumulators.step import Floats
from models.evidence import extraction_rules, weighing
from models.evidence.weighing import MAX_FAMILY_NATS, MIN_LEVEL_NATS, FamilySum
from models.state.columns import Slots
from streams.features.bank import Bank
from streams.features.declaration import Feature
from streams.stages.accounts.state import FIRST_REQUESTS, AccountState
from streams.stages.accounts.votes import Votes

TICK_GROWTH = 0.1
"""After its first requests an account is scored when it has this share more requests than at its last score ..."""
TICK_INTERVAL_SECONDS = 60.0
"""... and this much event time has passed since, whichever is later."""


@dataclass(frozen=True)
class Scores:
    """What some accounts score now; features and families that nothing is known of are NaN."""

    slots: Slots
    """(accounts,)."""
    values: Floats
    """Of the features, (accounts, features)."""
    nats: Floats
    """Of the features, shrunk by how few events they rest on, (accounts, features)."""
    levels: Floats
    """Of the families before they are compared with those of others, nats, (accounts, families)."""
    raw: Floats
    """Evidence by family, nats, (accounts, families)."""
    own: Floats
    """The same, shrunk by how little the account has done, (accounts, families)."""
    extraction: Floats
    """Evidence that the account extracts the model, nats, (accounts,)."""
    routing: Floats
    """Evidence that it comes through a router or reseller, nats, (accounts,)."""


class Scoring:
    """Scores the accounts of one partition."""

    def __init__(self, state: AccountState, bank: Bank, votes: Votes, features: Sequence[type[Feature]]) -> None:
        """Read features from `bank`, and compare them with `votes`."""
        self._table = state.table
        self._bank = bank
        self._votes = votes
        self._half_trust_events = np.array([feature.shrink for feature in features])
        self._families = FamilySum([feature.family for feature in features])
        names = [feature.name() for feature in features]
        self._age = names.index("account_age") if "account_age" in names else None

    def due(self, slots: Slots) -> Slots:
        """Return which of these accounts are to be scored now."""
        requests, scored_requests = self._table["requests"][slots], self._table["tick_requests"][slots]
        waited = self._table["clock"][slots] - self._table["tick_time"][slots] >= TICK_INTERVAL_SECONDS
        due: Slots = slots[(scored_requests < FIRST_REQUESTS) | (waited & (requests >= scored_requests * (1 + TICK_GROWTH)))]
        return due

    def hasten(self, slots: Slots) -> None:
        """Let these accounts be due as soon as a minute has passed: their groups must learn of a new stack within the day."""
        self._table["tick_requests"][slots] /= 1 + TICK_GROWTH

    def score(self, slots: Slots) -> Scores:
        """Return the scores of these accounts; nothing is changed."""
        values, events = self._bank.read(self._table, slots)
        nats = self._votes.reference.tails(values)
        trusted = weighing.trust(events, self._half_trust_events)
        levels, believed = self._families.of(nats, trusted)
        raw = np.clip(self._votes.levels.tails(levels), MIN_LEVEL_NATS, MAX_FAMILY_NATS)
        own = raw * believed
        extraction = extraction_rules.extraction(own, alone=True).nats
        return Scores(slots, values, nats * trusted, levels, raw, own, extraction, weighing.routing(own))

    def record(self, scores: Scores) -> None:
        """Keep these scores as the accounts' newest, and their ages' ranks among all accounts as of now."""
        table, slots = self._table, scores.slots
        table["raw"][slots], table["own"][slots] = scores.raw, scores.own
        table["best_extraction"][slots] = np.maximum(table["best_extraction"][slots], scores.extraction)
        table["best_routing"][slots] = np.maximum(table["best_routing"][slots], scores.routing)
        if self._age is not None:
            table["age_rank"][slots] = self._votes.reference.rank(self._age, scores.values[:, self._age])
        table["tick_requests"][slots], table["tick_time"][slots] = table["requests"][slots], table["clock"][slots]
