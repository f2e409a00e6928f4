"""When an account is scored, and its score: features -> tails -> levels of families -> evidence in nats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import Floats
from models.evidence import extraction_rules, weighing
from models.evidence.weighing import MAX_FAMILY_NATS, MIN_LEVEL_NATS, FamilySum
from models.state.columns import Slots
from streams.features.bank import Bank
from streams.features.declaration import Feature
from streams.stages.accounts.state import FIRST_REQUESTS, AccountState
from streams.stages.accounts.votes import Votes
from streams.stages.reporting import TICK_INTERVAL_SECONDS

ACCOUNT_TICK_GROWTH_SHARE = 0.1
"""Growth of requests since the last score from which an account is scored again, if TICK_INTERVAL_SECONDS have passed too."""


@dataclass(frozen=True)
class Scores:
    """The scores of some accounts; an unknown feature or family is NaN."""

    slots: Slots
    """Rows of the accounts, (accounts,)."""
    values: Floats
    """Values of the features, (accounts, features)."""
    nats: Floats
    """Evidence by feature, shrunk for few events, (accounts, features)."""
    levels: Floats
    """Level of each family, before the comparison with other accounts, nats, (accounts, families)."""
    raw: Floats
    """Evidence by family before shrinkage, nats, (accounts, families)."""
    shrunk: Floats
    """Evidence by family, shrunk for few events, nats, (accounts, families)."""
    extraction: Floats
    """Evidence that the account extracts the model, nats, (accounts,)."""
    rules: Sequence[str | None]
    """Name of the rule that held for `extraction`, None where none did."""
    routing: Floats
    """Evidence that its traffic comes through a router or reseller, nats, (accounts,)."""


class Scoring:
    """Scores the accounts of one partition."""

    def __init__(self, state: AccountState, bank: Bank, votes: Votes, features: Sequence[type[Feature]]) -> None:
        """Score accounts by the features in `bank`, compared with the references in `votes`."""
        self._table = state.table
        self._bank = bank
        self._votes = votes
        self._half_trust_events = np.array([feature.shrink for feature in features])
        self._families = FamilySum([feature.family for feature in features])
        names = [feature.name() for feature in features]
        self._age = names.index("account_age") if "account_age" in names else None

    def due(self, slots: Slots) -> Slots:
        """Return which of these accounts have to be scored now, (due,)."""
        requests, scored_requests = self._table["requests"][slots], self._table["tick_requests"][slots]
        waited = self._table["clock"][slots] - self._table["tick_time"][slots] >= TICK_INTERVAL_SECONDS
        due: Slots = slots[(scored_requests < FIRST_REQUESTS) | (waited & (requests >= scored_requests * (1 + ACCOUNT_TICK_GROWTH_SHARE)))]
        return due

    def make_due_soon(self, slots: Slots) -> None:
        """Make these accounts due after TICK_INTERVAL_SECONDS: the groups stage needs a new stack within the day."""
        self._table["tick_requests"][slots] /= 1 + ACCOUNT_TICK_GROWTH_SHARE

    def score(self, slots: Slots) -> Scores:
        """Return the scores of these accounts; no state changes."""
        values, events = self._bank.read(self._table, slots)
        nats = self._votes.reference.tails(values)
        trusted = weighing.trust(events, self._half_trust_events)
        levels, believed = self._families.of(nats, trusted)
        raw = np.clip(self._votes.levels.tails(levels), MIN_LEVEL_NATS, MAX_FAMILY_NATS)
        shrunk = raw * believed
        judgement = extraction_rules.extraction(shrunk, alone=True)
        return Scores(slots, values, nats * trusted, levels, raw, shrunk, judgement.nats, judgement.names(), weighing.routing(shrunk))

    def record(self, scores: Scores) -> None:
        """Store these scores as the accounts' newest, with the rank of each account's age among all accounts."""
        table, slots = self._table, scores.slots
        table["evidence_raw"][slots], table["evidence_shrunk"][slots] = scores.raw, scores.shrunk
        table["best_extraction"][slots] = np.maximum(table["best_extraction"][slots], scores.extraction)
        table["best_routing"][slots] = np.maximum(table["best_routing"][slots], scores.routing)
        if self._age is not None:
            table["age_rank"][slots] = self._votes.reference.rank(self._age, scores.values[:, self._age])
        table["tick_requests"][slots], table["tick_time"][slots] = table["requests"][slots], table["clock"][slots]
