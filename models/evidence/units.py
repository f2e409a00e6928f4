"""The voters of a group: a paying organisation once, however many accounts or keys it has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.accumulators.mixing import mix
from models.accumulators.step import Floats

Hashes = NDArray[np.uint64]

_APART = np.uint64(0x9E3779B97F4A7C15)


def units(organization: Hashes, payment: Hashes) -> NDArray[np.intp]:
    """Return the unit of each account, numbered from 0, shape (accounts,).

    A unit is an (organisation, payment) pair; an account whose organisation is unknown (0) is one of its own. organization, payment:
    (accounts,).
    """
    alone = np.arange(1, len(organization) + 1, dtype=np.uint64) * _APART
    # one multiplicative hash of the pair: sorting one column is ten times cheaper than sorting pairs, and 64 bits do not collide here
    pairs = np.where(organization == 0, alone, mix(organization) ^ (payment * _APART))
    return np.unique(pairs, return_inverse=True)[1].reshape(-1)


def trimmed_mean(values: Floats, cut: float = 0.1) -> float:
    """Return the mean of the known values without the share `cut` at either end, so that no few heavy ones decide; 0 for none.

    values: (accounts,), NaN where unknown.
    """
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        return 0.0
    drop = int(cut * len(known))
    return float(known[drop : len(known) - drop].mean())
