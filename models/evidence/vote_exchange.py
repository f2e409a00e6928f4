"""Votes of the other partitions: the references of every partition use all accounts, not only its own.

The largest evidence of a reference is the logarithm of its number of votes. Each partition counts its own accounts and sends the counts to
the others at intervals. The newest tally of a partition replaces the one before, so a repeated or late tally changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats
from models.state.columns import Columns, Field


class Tallies:
    """The newest tally of each other partition: one row for each partition and histogram."""

    def __init__(self, bins: int) -> None:
        """Start without tallies. bins: number of bins of every histogram."""
        self.table = Columns("tallies", {"time": Field("f8", -np.inf), "votes": Field("f4", width=bins)})

    def receive(self, source: int, names: Sequence[str], votes: NDArray[np.floating], time: float, offset: int) -> None:
        """Replace the tally of one partition, unless it is older than the one known.

        Args:
            source: The partition that counted.
            names: Names of the histograms.
            votes: Votes, (names, bins).
            time: Clock of that partition, epoch seconds.
            offset: Offset of the message, for the next checkpoint.
        """
        slots = self.table.intern([f"{source}/{name}" for name in names])
        newer = self.table["time"][slots] <= time
        self.table["votes"][slots[newer]], self.table["time"][slots[newer]] = votes[newer], time
        self.table.touch(slots, offset)

    def total(self, names: Sequence[str]) -> Floats:
        """Return the sum of each histogram over all other partitions, (names, bins); 0 where no partition has sent it."""
        rows = {name: row for row, name in enumerate(names)}
        votes = np.zeros((len(names), self.table["votes"].shape[1]))
        for slot in self.table.slots.tolist():
            row = rows.get(self.table.keys[slot].partition("/")[2])
            if row is not None:
                votes[row] += self.table["votes"][slot]
        return votes
