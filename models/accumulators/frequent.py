"""What most of an entity's events show, where each shows several things at once: the pieces of its template, among those of its tasks.

A few cells an entity, and each hash votes in the cell that its bits name: a newcomer wears the resident down before it takes its place (the
majority vote of Boyer and Moore 1981, by cell). What recurs in every second event stays, what comes and goes does not. Of what is about
equally frequent the smallest hash stands for all, so that the entities of one pool name the same.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats
from models.state.columns import Slots

Hashes = NDArray[np.uint64]

CELLS: Final = 16
"""An entity."""
MAX_VOTES: Final = 64.0
"""Votes of one hash above which all of an entity's are halved: what it did long ago fades."""
ALIKE_SHARE: Final = 0.8
"""Share of the most frequent one's votes from which a hash is about as frequent."""


def frequent(held: Hashes, votes: Floats, entity: Slots, values: Hashes) -> tuple[Hashes, Floats]:
    """Return the hashes that hold the cells after these events, and their votes, both (entities, CELLS).

    held, votes: those before, 0 for none. entity: (events,), whose each event is. values: (events, several), what it shows, 0 for none.
    """
    cells = entity[:, None] * CELLS + (values % np.uint64(CELLS)).astype(np.int64)
    flat_held, flat_votes = held.reshape(-1).copy(), votes.reshape(-1).astype(np.float64)
    known = (flat_held[cells] == values) & (values != 0)
    flat_votes += np.bincount(cells[known], minlength=len(flat_votes))
    new = ~known & (values != 0)
    _challenge(flat_held, flat_votes, cells[new], values[new])

    after = flat_votes.reshape(held.shape)
    after *= np.where(after.max(axis=1, keepdims=True) > MAX_VOTES, 0.5, 1.0)
    return flat_held.reshape(held.shape), after


def _challenge(held: Hashes, votes: Floats, cells: Slots, values: Hashes) -> None:
    """Wear the residents of these cells down; the most frequent newcomer (of equals the smallest) takes the place of one without votes.

    Hash 5 comes three times and takes cell 0 from hash 7, which had two votes; hash 9 takes the empty cell 1:

    >>> held, votes = np.array([7, 0], np.uint64), np.array([2.0, 0.0])
    >>> _challenge(held, votes, cells=np.array([0, 0, 0, 1]), values=np.array([5, 5, 5, 9], np.uint64))
    >>> held.tolist(), votes.tolist()
    ([5, 9], [1.0, 1.0])

    Args:
        held: The hash that holds each cell, (cells,), 0 for none; changed in place.
        votes: Its votes, (cells,); changed in place.
        cells: The cell of each newcomer, (newcomers,).
        values: Its hash, (newcomers,), not 0.
    """
    if not len(cells):
        return
    order = np.lexsort((values, cells))
    cells, values = cells[order], values[order]
    runs = np.flatnonzero((np.diff(cells, prepend=-1) != 0) | (np.diff(values, prepend=np.uint64(0)) != 0))
    times = np.diff(runs, append=len(cells)).astype(np.float64)
    order = np.lexsort((-times, cells[runs]))
    cells, values, times = cells[runs][order], values[runs][order], times[order]
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    strongest, left = cells[starts], votes[cells[starts]] - np.add.reduceat(times, starts)
    wins = left < 0
    held[strongest[wins]] = values[starts[wins]]
    votes[strongest] = np.where(wins, np.minimum(times[starts], -left), left)


def usual(held: Hashes, votes: Floats) -> tuple[Hashes, Floats]:
    """Return each entity's smallest hash of those about as frequent as the most frequent, and its votes, both (entities,); 0 for none."""
    alike = (votes >= ALIKE_SHARE * votes.max(axis=1, keepdims=True)) & (votes > 0)
    chosen = np.where(alike, held, np.iinfo(np.uint64).max).argmin(axis=1)
    rows, shows = np.arange(len(held)), alike.any(axis=1)
    return np.where(shows, held[rows, chosen], np.uint64(0)), np.where(shows, votes[rows, chosen], 0.0)
