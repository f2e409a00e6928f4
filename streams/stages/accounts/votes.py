"""Votes of the accounts on what is ordinary: on each feature, each family's level and the score. The accounts of a payer share one vote.

A vote is stored in its account's row, and the counts are rebuilt from the rows. Other partitions send their counts as tallies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats
from models.durations import DAY
from models.evidence import calibration, weighing
from models.evidence.families import FAMILIES
from models.evidence.vote_exchange import MAX_BIN_VOTES, Tallies
from models.evidence.weighing import Reference
from models.state.columns import Slots
from streams.core.errors import BlockLayoutError
from streams.features.declaration import Feature
from streams.schema import layouts, topics
from streams.schema.blocks import Block
from streams.stages.accounts.delayed_feedback import DelayedFeedback
from streams.stages.accounts.links import AccountLinks
from streams.stages.accounts.state import AccountState
from streams.stages.stage import Message

Ballots = NDArray[np.uint8]

TALLY_INTERVAL_SECONDS = 600.0
"""Event time between two tallies of a partition."""
MAX_CLOCK_LEAD_SECONDS = DAY
"""Event time by which another partition may be ahead of this one."""


class Votes:
    """The votes of this partition's accounts, and the tallies of all other partitions."""

    def __init__(self, state: AccountState, links: AccountLinks, features: Sequence[type[Feature]]) -> None:
        """Start without votes. links: how many accounts each payer has."""
        self._state = state
        self._links = links
        self.reference = Reference([feature.limits for feature in features], [feature.direction for feature in features])
        self.levels = weighing.level_reference()
        self.tail = calibration.Tail()
        self.tallies = Tallies(calibration.VOTE_BINS)
        self._histograms = [
            *(f"{feature.name()} {feature.limits}" for feature in features),
            *(f"level of {name}" for name in FAMILIES),
            "score",
        ]
        self._waiting_tallies = DelayedFeedback[int, tuple[float, Block]]()
        self._tallied = -np.inf

    def cast(self, slots: Slots, values: Floats, levels: Floats, extraction: Floats) -> None:
        """Replace the votes of these accounts by their current values.

        New and suspect accounts have no vote on features and levels. An account that is suspect only by its own evidence has a vote on
        scores: otherwise the upper tail would be missing.

        Args:
            slots: (accounts,).
            values: (accounts, features), NaN where unknown.
            levels: (accounts, families), nats, NaN where unknown.
            extraction: (accounts,), nats.
        """
        established = self._state.is_established(slots)
        may_vote = (established & (extraction < weighing.SUSPECT_NATS))[:, None]
        votes = np.where(may_vote, self.reference.bins(values), calibration.NO_VOTE).astype(np.uint8)
        level_votes = np.where(may_vote, self.levels.bins(levels), calibration.NO_VOTE).astype(np.uint8)
        self._replace_votes(slots, votes, level_votes, self.tail.ballots(extraction, established), self._links.vote_weight(slots))

    def withdraw(self, slots: Slots) -> None:
        """Remove the votes of these accounts, (accounts,)."""
        votes, level_votes = (np.full_like(self._state.table[column][slots], calibration.NO_VOTE) for column in ("votes", "level_votes"))
        self._replace_votes(slots, votes, level_votes, np.full(len(slots), calibration.NO_VOTE, np.uint8), np.ones(len(slots)))

    def reload(self) -> None:
        """Rebuild the counts from the loaded accounts and tallies."""
        table = self._state.table
        for histogram, column in ((self.reference, "votes"), (self.levels, "level_votes"), (self.tail, "score_vote")):
            histogram.recount(table[column], table["vote_weight"])
        self._count_other_partitions()

    def announce(self) -> list[Message]:
        """Return this partition's tally for every other partition, once per TALLY_INTERVAL_SECONDS of event time."""
        state = self._state
        if state.newest - self._tallied < TALLY_INTERVAL_SECONDS or state.partitions == 1:
            return []
        self._tallied = state.newest
        votes = np.vstack([self.reference.votes, self.levels.votes, self.tail.votes])
        block = layouts.TALLIES.block(
            {
                "time": np.full(len(votes), state.newest),
                "source": np.full(len(votes), float(state.partition)),
                "histogram": self._histograms,
                "votes": votes,
            }
        )
        return [Message(topics.FEEDBACK, home, block) for home in range(state.partitions) if home != state.partition]

    def receive(self, tally: Block) -> None:
        """Let the tally of another partition wait until it takes effect; a tally of this partition itself is ignored.

        Raises:
            BlockLayoutError: Before anything changed, if a count is negative, unknown, above MAX_BIN_VOTES or of another width, the
                partition is unknown, or its clock is more than MAX_CLOCK_LEAD_SECONDS ahead of this partition's newest event.
        """
        if not len(tally):
            return
        source, time, votes = float(tally.numbers("source")[0]), float(tally.numbers("time")[0]), tally.vectors("votes")
        if votes.shape[1] != calibration.VOTE_BINS or not ((votes >= 0) & (votes <= MAX_BIN_VOTES)).all():
            raise BlockLayoutError(f"a tally has {calibration.VOTE_BINS} counts of votes a histogram, each from 0 to {MAX_BIN_VOTES:.0f}")
        if source not in range(self._state.partitions) or not np.isfinite(time):
            raise BlockLayoutError("a tally names its partition, and the time to which it counts")
        if np.isfinite(self._state.newest) and time > self._state.newest + MAX_CLOCK_LEAD_SECONDS:
            raise BlockLayoutError("a tally counts to a time far ahead of ours: no later one would replace it")
        if source != self._state.partition:
            self._waiting_tallies.add(int(source), time, (time, tally))

    def apply_due_tallies(self) -> None:
        """Add up the tallies of the other partitions, when one of them takes effect."""
        due = self._waiting_tallies.due(self._state.newest)
        for source, (time, tally) in due.items():
            self.tallies.receive(source, [str(name) for name in tally.texts("histogram")], tally.vectors("votes"), time, self._state.offset)
        if due:
            self._count_other_partitions()

    def _replace_votes(self, slots: Slots, votes: Ballots, level_votes: Ballots, score_votes: Ballots, weights: Floats) -> None:
        table, old_weights = self._state.table, self._state.table["vote_weight"][slots]
        for histogram, column, ballots in (
            (self.reference, "votes", votes),
            (self.levels, "level_votes", level_votes),
            (self.tail, "score_vote", score_votes),
        ):
            histogram.replace_votes(table[column][slots], old_weights, ballots, weights)
            table[column][slots] = ballots
        table["vote_weight"][slots] = weights

    def _count_other_partitions(self) -> None:
        own = np.r_[self.reference.votes.sum(axis=1), self.levels.votes.sum(axis=1), self.tail.votes.sum()]
        total = self.tallies.total(self._histograms, own)
        features = len(self.reference.votes)
        self.reference.other_partitions_votes, self.levels.other_partitions_votes = total[:features], total[features:-1]
        self.tail.other_partitions_votes = total[-1]
