"""When an account is scored, and its score: features -> tails -> levels of families -> evidence in nats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import Floats
from models.durations import HOUR
from models.evidence import extraction_rules, weighing
from models.evidence.weighing import MAX_FAMILY_NATS, MIN_LEVEL_NATS, FamilySum
from models.state.columns import Slots
from streams.features.bank import Bank
from streams.features.declaration import Feature
from streams.stages.accounts.state import FIRST_REQUESTS, AccountState
from streams.stages.accounts.votes import Votes
from streams.stages.reporting import TICK_INTERVAL_SECONDS

ACCOUNT_TICK_GROWTH_SHARE = 0.1
"""Growth of requests from step to step of an account: it is scored at each, if TICK_INTERVAL_SECONDS have passed too. The steps are the
same for all accounts: the next one does not depend on how many requests the block had with which an account was scored last."""
SETTLE_SECONDS = HOUR
"""Silence after which an account is scored with all that it has done: requests that were late have come by then."""
SETTLE_STEP_SECONDS = 600.0
"""Event time between two looks for accounts that have been silent for so long."""


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
        self._looked_step = -np.inf
        self._age = names.index("account_age") if "account_age" in names else None

    def due(self, slots: Slots) -> Slots:
        """Return which of these accounts have to be scored now, (due,)."""
        requests, scored_requests = self._table["requests"][slots], self._table["tick_requests"][slots]
        waited = self._table["clock"][slots] - self._table["tick_time"][slots] >= TICK_INTERVAL_SECONDS
        due: Slots = slots[(scored_requests < FIRST_REQUESTS) | (waited & (_step(requests) > _step(scored_requests)))]
        return due

    def settled(self, now: float) -> Slots:
        """Return the accounts that are scored because they pause, a new ten minutes of event time each time, (settled,).

        now: Epoch seconds; the middle of a block's events rather than its newest, which one wrong clock may have put hours ahead.
        """
        step = now // SETTLE_STEP_SECONDS
        if not step > self._looked_step:
            return np.zeros(0, np.int64)
        self._looked_step = step
        table, slots = self._table, self._table.slots
        silent = table["clock"][slots] <= step * SETTLE_STEP_SECONDS - SETTLE_SECONDS
        scored = np.maximum(table["tick_requests"][slots], table["settled_requests"][slots])
        settled: Slots = slots[silent & (table["requests"][slots] > scored)]
        return settled

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

    def record(self, scores: Scores, due: Slots, settled: Slots) -> None:
        """Store these scores as the accounts' newest, with the rank of each account's age among all accounts.

        Args:
            scores: The scores.
            due: Those of the accounts that were due: when they will be again depends on their requests since.
            settled: Those that paused.
        """
        table, slots = self._table, scores.slots
        table["evidence_raw"][slots], table["evidence_shrunk"][slots] = scores.raw, scores.shrunk
        table["best_extraction"][slots] = np.maximum(table["best_extraction"][slots], scores.extraction)
        table["best_routing"][slots] = np.maximum(table["best_routing"][slots], scores.routing)
        if self._age is not None:
            table["age_rank"][slots] = self._votes.reference.rank(self._age, scores.values[:, self._age])
        table["tick_requests"][due], table["tick_time"][due] = table["requests"][due], table["clock"][due]
        table["settled_requests"][settled] = table["requests"][settled]


def _step(requests: Floats) -> Floats:
    """Return the step that an account has reached, (accounts,).

    >>> _step(np.array([9.0, 10.0, 12.0, 13.0])).tolist()
    [23.0, 24.0, 26.0, 26.0]

    requests: of all its time, (accounts,).
    """
    step: Floats = np.floor(np.log(np.maximum(requests, 1.0)) / np.log1p(ACCOUNT_TICK_GROWTH_SHARE))
    return step
