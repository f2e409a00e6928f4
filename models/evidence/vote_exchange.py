"""Votes of the other partitions: the references of every partition use all accounts, not only its own.

The largest evidence of a reference is the logarithm of its number of votes. Each partition counts its own accounts and sends the counts to
the others at intervals. The newest tally of a partition replaces the one before, so a repeated or late tally changes nothing.

Accounts are dealt to partitions by a hash, so all partitions have about as many votes. The votes of a partition count up to MAX_SHARE times
what is typical for a partition: one partition cannot outvote the others, whatever it sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats
from models.state.columns import Columns, Field, Slots

MAX_SHARE: Final = 2.0
"""Counted votes of a partition in a histogram, at most, as a multiple of those of a typical partition."""
MIN_CAP_VOTES: Final = 50.0
"""Votes of a partition that always count: twice those at which a reference counts half; so few are uneven by chance."""
MAX_BIN_VOTES: Final = float(1 << 24)
"""Votes in a bin, at most: float32 counts no further."""


class Tallies:
    """The newest tally of each other partition: one row for each partition and histogram."""

    def __init__(self, bins: int) -> None:
        """Start without tallies. bins: number of bins of every histogram."""
        self.table = Columns("tallies", {"time": Field("f8", -np.inf), "votes": Field("f4", width=bins)})
        self._known: tuple[int, tuple[str, ...]] = (0, ())
        self._slots: Slots = np.zeros((0, 0), np.int64)

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

    def total(self, names: Sequence[str], own: Floats) -> Floats:
        """Return the sum of each histogram over all other partitions, of none more than its share; 0 where no partition has sent it.

        This partition has 80 votes, others sent 60 and 1,000. Those count as 160, twice what is typical:

        >>> tallies = Tallies(bins=2)
        >>> tallies.receive(1, ["score"], np.array([[60.0, 0.0]]), time=0.0, offset=0)
        >>> tallies.receive(2, ["score"], np.array([[0.0, 1000.0]]), time=0.0, offset=0)
        >>> tallies.total(["score"], own=np.array([80.0])).tolist()
        [[60.0, 160.0]]

        Args:
            names: Names of the histograms.
            own: Votes of this partition in each histogram, (names,).

        Returns:
            Votes, (names, bins).
        """
        slots = self._slots_of(names)
        sent = np.where(slots[..., None] >= 0, self.table["votes"][slots], np.nan).astype(np.float64)
        counts = sent.sum(axis=2)
        shares = np.minimum(1.0, _cap(np.vstack([own, counts])) / np.maximum(counts, 1.0))
        total: Floats = np.nansum(sent * shares[..., None], axis=0)
        return total

    def _slots_of(self, names: Sequence[str]) -> Slots:
        """Return the row of each partition's histogram, (partitions, names), -1 where it was never sent."""
        known = (len(self.table), tuple(names))
        if known != self._known:
            rows, sources = {name: row for row, name in enumerate(names)}, dict[str, list[int]]()
            for slot in self.table.slots.tolist():
                source, _, name = self.table.keys[slot].partition("/")
                if name in rows:
                    sources.setdefault(source, [-1] * len(names))[rows[name]] = slot
            self._known, self._slots = known, np.array([*sources.values()], np.int64).reshape(-1, len(names))
        return self._slots


def _cap(counts: Floats) -> Floats:
    """Return how many votes a partition may have in each histogram, by the lower median of all that vote: with two, the one with fewer.

    >>> _cap(np.array([[100.0, 100.0], [120.0, np.nan], [900.0, 40.0]])).tolist()  # twice 120, and twice 40
    [240.0, 80.0]

    counts: (partitions, histograms), NaN for a partition that does not know a histogram.
    """
    ordered = np.sort(counts, axis=0)  # NaN come last
    middle = (np.isfinite(counts).sum(axis=0) - 1) // 2
    typical = np.take_along_axis(ordered, middle[None], axis=0)[0]
    cap: Floats = np.maximum(MAX_SHARE * typical, MIN_CAP_VOTES)
    return cap
