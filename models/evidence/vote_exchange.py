"""What the accounts of the other partitions vote: every partition's references rest on all accounts, not on its own share of them.

A tail can say no more than the logarithm of the votes that it rests on. Each partition counts its own accounts and tells the others now and
then; the newest tally of a partition replaces the one before it, so that one which comes twice, or late, changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats
from models.state.columns import Columns, Field


class Tallies:
    """The newest tally of each other partition: one row a partition and histogram."""

    def __init__(self, bins: int) -> None:
        """Start without tallies. All histograms have this many bins."""
        self.table = Columns("tallies", {"time": Field("f8", -np.inf), "votes": Field("f4", width=bins)})

    def receive(self, source: int, names: Sequence[str], votes: NDArray[np.floating], time: float, offset: int) -> None:
        """Take over what one partition counted, by histogram: (names, bins). `time`: its own clock; what is older than known is left."""
        slots = self.table.intern([f"{source}/{name}" for name in names])
        newer = self.table["time"][slots] <= time
        self.table["votes"][slots[newer]], self.table["time"][slots[newer]] = votes[newer], time
        self.table.touch(slots, offset)

    def total(self, names: Sequence[str]) -> Floats:
        """Return the sum over all partitions of each histogram, 0 where no partition has sent one. Shape (names, bins)."""
        place = {name: row for row, name in enumerate(names)}
        found = np.zeros((len(names), self.table["votes"].shape[1]))
        for slot in self.table.slots.tolist():
            row = place.get(self.table.keys[slot].partition("/")[2])
            if row is not None:
                found[row] += self.table["votes"][slot]
        return found
