"""The k lowest hashes of an entity's values: equal sets of values have equal samples.

Bottom-k sketches (Cohen and Kaplan 2007): samples by the same hash overlap as much as their sets do.
"""

from __future__ import annotations

import numpy as np

from models.arrays import Hashes
from models.state.columns import Slots


def lowest(samples: Hashes, entity: Slots, values: Hashes) -> Hashes:
    """Return the k lowest different hashes of each entity, (entities, k), ascending, 0 where it has fewer.

    >>> lowest(np.array([[3, 0]], np.uint64), entity=np.array([0, 0, 0]), values=np.array([8, 1, 3], np.uint64)).tolist()
    [[1, 3]]

    Args:
        samples: Lowest hashes so far, (entities, k), 0 for none.
        entity: Row of each new hash's entity, (events,).
        values: New hashes, (events,), well mixed, 0 for none.
    """
    count, width = samples.shape
    who = np.concatenate([np.repeat(np.arange(count), width), entity])
    what = np.concatenate([samples.reshape(-1), values])
    order = np.lexsort((what, who))
    order = order[what[order] != 0]
    who, what = who[order], what[order]
    first = np.ones(len(who), np.bool_)
    first[1:] = (who[1:] != who[:-1]) | (what[1:] != what[:-1])
    who, what = who[first], what[first]
    rank = np.arange(len(who)) - np.searchsorted(who, np.arange(count))[who]
    kept = rank < width
    merged = np.zeros_like(samples)
    merged[who[kept], rank[kept]] = what[kept]
    return merged
