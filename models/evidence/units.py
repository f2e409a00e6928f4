"""The voters of a group: a paying organisation has one vote, however many accounts or keys it has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.accumulators.hashing import mix, spread
from models.accumulators.short import numbered
from models.arrays import Floats, Hashes


def units(organisation: Hashes, payment: Hashes) -> NDArray[np.intp]:
    """Return the unit of each account, numbered from 0, (accounts,).

    A unit is a pair of organisation and payment; an account with an unknown organisation is a unit of its own.

    >>> organisation, payment = np.array([7, 7, 7, 0, 0], np.uint64), np.array([1, 1, 2, 1, 1], np.uint64)
    >>> first, second, other_card, *unknown = units(organisation, payment).tolist()
    >>> first == second, len({first, other_card, *unknown})
    (True, 4)

    Args:
        organisation: Hash of the organisation, (accounts,), 0 for unknown.
        payment: Hash of the payment method, (accounts,), 0 for unknown.
    """
    alone = spread(np.arange(1, len(organisation) + 1, dtype=np.uint64))
    # a pair becomes one hash: sorting one column is ten times cheaper than sorting pairs, and 64 bits do not collide here
    pairs = np.where(organisation == 0, alone, mix(organisation) ^ spread(payment))
    return numbered(pairs)[1]


def distinct_pairs(first: Hashes, second: Hashes) -> tuple[Hashes, Hashes]:
    """Return the different pairs, in ascending order, (pairs,) each: `np.unique` along an axis, at a fifth of its cost.

    >>> cards, organisations = distinct_pairs(np.array([2, 1, 2, 2], np.uint64), np.array([7, 7, 5, 7], np.uint64))
    >>> cards.tolist(), organisations.tolist()
    ([1, 2, 2], [7, 5, 7])

    Args:
        first: (rows,).
        second: (rows,).
    """
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return first[fresh], second[fresh]


def trimmed_mean(values: Floats, cut: float = 0.1) -> float:
    """Return the mean of the known values without the largest and smallest ones; 0 where none is known.

    >>> trimmed_mean(np.array([*range(1, 10), 1000.0, np.nan]))
    5.5

    Args:
        values: (accounts,), NaN where unknown.
        cut: Share of the known values that is left out at either end.
    """
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        return 0.0
    drop = int(cut * len(known))
    return float(known[drop : len(known) - drop].mean())
