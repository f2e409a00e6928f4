"""The few lowest hashes of what an entity has shown: a sample that is the same wherever the same things are shown.

Bottom-k sketches (Cohen and Kaplan 2007): of sets that are sampled by the same hash, the samples overlap as the sets do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.state.columns import Slots

Hashes = NDArray[np.uint64]


def lowest(held: Hashes, entity: Slots, values: Hashes) -> Hashes:
    """Return the lowest different hashes of each entity, ascending, 0 where it has fewer.

    >>> lowest(held=np.array([[3, 0]], np.uint64), entity=np.array([0, 0, 0]), values=np.array([8, 1, 3], np.uint64)).tolist()
    [[1, 3]]

    held: (entities, k), what it had, 0 for none. entity, values: (events,), whose each new hash is, 0 for none; hashes are well mixed.
    """
    count, width = held.shape
    who = np.concatenate([np.repeat(np.arange(count), width), entity])
    what = np.concatenate([held.reshape(-1), values])
    order = np.lexsort((what, who))
    order = order[what[order] != 0]
    who, what = who[order], what[order]
    first = np.ones(len(who), np.bool_)
    first[1:] = (who[1:] != who[:-1]) | (what[1:] != what[:-1])
    who, what = who[first], what[first]
    rank = np.arange(len(who)) - np.searchsorted(who, np.arange(count))[who]
    kept = rank < width
    found = np.zeros_like(held)
    found[who[kept], rank[kept]] = what[kept]
    return found
