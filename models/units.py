"""Who votes in a group: a paying organisation once, however many accounts or keys it has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats

Hashes = NDArray[np.uint64]


def units(organization: Hashes, payment: Hashes) -> NDArray[np.intp]:
    """Return the unit of each account, numbered from 0, shape (accounts,).

    A unit is an (organisation, payment) pair; an account whose organisation is unknown (0) is one of its own. organization, payment:
    (accounts,).
    """
    alone = np.where(organization == 0, np.arange(1, len(organization) + 1), 0)
    pairs = np.stack([organization, np.where(alone > 0, 0, payment), alone.astype(np.uint64)])
    return np.unique(pairs, axis=1, return_inverse=True)[1].reshape(-1)


def trimmed_mean(values: Floats, cut: float = 0.1) -> float:
    """Return the mean of the known values without the share `cut` at either end, so that no few heavy ones decide; 0 for none.

    values: (accounts,), NaN where unknown.
    """
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        return 0.0
    drop = int(cut * len(known))
    return float(known[drop : len(known) - drop].mean())
