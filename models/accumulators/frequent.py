"""The most frequent values of an entity whose events have several values each: the pieces of its template, among pieces of its tasks.

Every entity has a few cells, and the bits of a hash choose its cell. A cell is a majority vote (Boyer and Moore 1981): a different hash
reduces the votes of the resident, and replaces it when they are used up. So a hash in every second event stays, and rare ones do not.
Of several about equally frequent hashes the smallest is chosen, so that all entities of a pool have the same.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from models.arrays import Floats, Hashes
from models.state.columns import Slots

ENTITY_CELLS: Final = 16
"""Cells of an entity."""
MAX_PIECE_VOTES: Final = 64.0
"""Votes of one hash above which all votes of the entity are halved, so that old events count less."""
ALIKE_SHARE: Final = 0.8
"""Share of the votes of the most frequent hash from which another is about as frequent."""


def frequent(residents: Hashes, votes: Floats, entity: Slots, values: Hashes) -> tuple[Hashes, Floats]:
    """Return the resident hashes after these events, and their votes, both (entities, ENTITY_CELLS).

    Args:
        residents: Hash in each cell before, (entities, ENTITY_CELLS), 0 for none.
        votes: Its votes, same shape.
        entity: Row of each event's entity, (events,).
        values: Hashes of each event, (events, several), 0 for none.
    """
    cells = entity[:, None] * ENTITY_CELLS + (values % np.uint64(ENTITY_CELLS)).astype(np.int64)
    flat_held, flat_votes = residents.reshape(-1).copy(), votes.reshape(-1).astype(np.float64)
    known = (flat_held[cells] == values) & (values != 0)
    flat_votes += np.bincount(cells[known], minlength=len(flat_votes))
    new = ~known & (values != 0)
    _challenge(flat_held, flat_votes, cells[new], values[new])

    after = flat_votes.reshape(residents.shape)
    after *= np.where(after.max(axis=1, keepdims=True) > MAX_PIECE_VOTES, 0.5, 1.0)
    return flat_held.reshape(residents.shape), after


def _challenge(residents: Hashes, votes: Floats, cells: Slots, values: Hashes) -> None:
    """Reduce the votes of residents by other hashes; the most frequent of these (of equals the smallest) replaces one without votes.

    Hash 5 comes three times and replaces hash 7 in cell 0, which had two votes; hash 9 takes the empty cell 1:

    >>> residents, votes = np.array([7, 0], np.uint64), np.array([2.0, 0.0])
    >>> _challenge(residents, votes, cells=np.array([0, 0, 0, 1]), values=np.array([5, 5, 5, 9], np.uint64))
    >>> residents.tolist(), votes.tolist()
    ([5, 9], [1.0, 1.0])

    Args:
        residents: Hash in each cell, (cells,), 0 for none; changed in place.
        votes: Its votes, (cells,); changed in place.
        cells: Cell of each other hash, (newcomers,).
        values: The hashes, (newcomers,), not 0.
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
    residents[strongest[wins]] = values[starts[wins]]
    votes[strongest] = np.where(wins, np.minimum(times[starts], -left), left)


def usual(residents: Hashes, votes: Floats, worth: Floats | None = None) -> tuple[Hashes, Floats]:
    """Return the smallest of each entity's about most frequent hashes, and its votes, both (entities,), 0 for none.

    Hashes 9 and 4 have 10 and 8 votes, hash 2 has only 7:

    >>> hashes, votes = usual(np.array([[9, 4, 2]], np.uint64), np.array([[10.0, 8.0, 7.0]]))
    >>> hashes.tolist(), votes.tolist()
    ([4], [8.0])

    A vote for hash 2 is worth two of the others:

    >>> hashes, votes = usual(np.array([[9, 4, 2]], np.uint64), np.array([[10.0, 8.0, 7.0]]), np.array([[1.0, 1.0, 2.0]]))
    >>> hashes.tolist(), votes.tolist()
    ([2], [7.0])

    Args:
        residents: Hash in each cell, (entities, cells), 0 for none.
        votes: Its votes, same shape.
        worth: What one vote for it is worth, same shape; all the same when None.
    """
    weighed = votes if worth is None else votes * worth
    alike = (weighed >= ALIKE_SHARE * weighed.max(axis=1, keepdims=True)) & (weighed > 0)
    chosen = np.where(alike, residents, np.iinfo(np.uint64).max).argmin(axis=1)
    rows, shows = np.arange(len(residents)), alike.any(axis=1)
    return np.where(shows, residents[rows, chosen], np.uint64(0)), np.where(shows, votes[rows, chosen], 0.0)
