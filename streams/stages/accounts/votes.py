"""Votes of the accounts on what is ordinary: one vote an account for each feature, for each family's level and for the score.

A vote is stored in its account's row, and the counts are rebuilt from the rows. Other partitions send their counts as tallies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.accumulators.step import Floats
from models.evidence import calibration, weighing
from models.evidence.families import FAMILIES
from models.evidence.vote_exchange import Tallies
from models.evidence.weighing import Reference
from models.state.columns import Slots
from streams.core.errors import BlockLayoutError
from streams.features.declaration import Feature
from streams.schema import blocks, topics
from streams.schema.blocks import Block
from streams.stages.accounts.state import AccountState
from streams.stages.stage import Message

TALLY_INTERVAL_SECONDS = 600.0
"""Event time between two tallies of a partition."""


class Votes:
    """The votes of this partition's accounts, and the tallies of all other partitions."""

    def __init__(self, state: AccountState, features: Sequence[type[Feature]]) -> None:
        """Start without votes."""
        self._state = state
        self.reference = Reference([feature.limits for feature in features], [feature.direction for feature in features])
        self.levels = weighing.level_reference()
        self.tail = calibration.Tail()
        self.tallies = Tallies(weighing.VOTE_BINS)
        self._histograms = [
            *(f"{feature.name()} {feature.limits}" for feature in features),
            *(f"level of {name}" for name in FAMILIES),
            "score",
        ]
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
        may_vote = established & (extraction < weighing.SUSPECT_NATS)
        for reference, column, shown in ((self.reference, "votes", values), (self.levels, "level_votes", levels)):
            ballots = np.where(may_vote[:, None], reference.bins(shown), reference.no_vote).astype(np.uint8)
            reference.revote(self._state.table[column][slots], ballots)
            self._state.table[column][slots] = ballots
        ballots = self.tail.ballots(extraction, established)
        self.tail.revote(self._state.table["score_vote"][slots], ballots)
        self._state.table["score_vote"][slots] = ballots

    def withdraw(self, slots: Slots) -> None:
        """Remove the votes of these accounts, (accounts,)."""
        table = self._state.table
        self.tail.revote(table["score_vote"][slots], np.full(len(slots), calibration.NO_VOTE, np.uint8))
        table["score_vote"][slots] = calibration.NO_VOTE
        for reference, column in ((self.reference, "votes"), (self.levels, "level_votes")):
            votes = table[column][slots]
            reference.revote(votes, np.full_like(votes, reference.no_vote))
            table[column][slots] = reference.no_vote

    def reload(self) -> None:
        """Rebuild the counts from the loaded accounts and tallies."""
        table = self._state.table
        self._count_others()
        self.reference.recount(table["votes"])
        self.levels.recount(table["level_votes"])
        self.tail.recount(table["score_vote"])

    def announce(self) -> list[Message]:
        """Return this partition's tally for every other partition, once per TALLY_INTERVAL_SECONDS of event time."""
        state = self._state
        if state.newest - self._tallied < TALLY_INTERVAL_SECONDS or state.partitions == 1:
            return []
        self._tallied = state.newest
        votes = np.vstack([self.reference.votes, self.levels.votes, self.tail.votes])
        block = blocks.TALLIES.encode(
            {
                "time": np.full(len(votes), state.newest),
                "source": np.full(len(votes), float(state.partition)),
                "histogram": self._histograms,
                "votes": votes,
            }
        )
        return [Message(topics.VERDICTS, home, block) for home in range(state.partitions) if home != state.partition]

    def receive(self, tally: Block) -> None:
        """Replace the tally of another partition; a tally of this partition itself is ignored.

        Raises:
            BlockLayoutError: Before anything changed, if a count is negative, unknown or of another width, or the partition is unknown.
        """
        if not len(tally):
            return
        source, time, votes = float(tally.numbers("source")[0]), float(tally.numbers("time")[0]), tally.vectors("votes")
        if votes.shape[1] != weighing.VOTE_BINS or not (np.isfinite(votes) & (votes >= 0)).all():
            raise BlockLayoutError(f"a tally has {weighing.VOTE_BINS} counts of votes a histogram, none below zero")
        if source not in range(self._state.partitions) or not np.isfinite(time):
            raise BlockLayoutError("a tally names its partition, and the time to which it counts")
        if source != self._state.partition:
            self.tallies.receive(int(source), [str(name) for name in tally.texts("histogram")], votes, time, self._state.offset)
            self._count_others()

    def _count_others(self) -> None:
        total = self.tallies.total(self._histograms)
        features = len(self.reference.votes)
        self.reference.others, self.levels.others, self.tail.others = total[:features], total[features:-1], total[-1]
