"""How common a value is among payers: a value that many payers share is public, and is ignored as a link.

A hashed table has one counter a cell; every account has one vote for each kind of value, and the accounts of a payer share one. Counters
follow the accounts' changes and are rebuilt from the accounts' rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.hashing import cell
from models.arrays import Floats, Hashes

_CELL_BITS: Final = 14


class Prevalence:
    """Counts weighted accounts by value, for several kinds of value. State: 128 KB a kind, whatever the number of accounts."""

    def __init__(self, kinds: Sequence[str]) -> None:
        """Start empty."""
        self._counts = {kind: np.zeros(1 << _CELL_BITS) for kind in kinds}

    def replace_votes(
        self, kind: str, old: Hashes, new: Hashes, old_weight: Floats | float = 1.0, new_weight: Floats | float = 1.0
    ) -> None:
        """Move accounts from old values to new ones.

        Two accounts of one payer have value 7 and count as one account:

        >>> table, seven = Prevalence(["router"]), np.array([7, 7], np.uint64)
        >>> table.replace_votes("router", np.zeros(2, np.uint64), seven, new_weight=np.array([0.5, 0.5]))
        >>> table.counted("router", seven[:1]).tolist()
        [1.0]

        Args:
            kind: Kind of value.
            old: Values so far, (accounts,), 0 for none.
            new: Values from now on, (accounts,), 0 for none.
            old_weight: What each account counted so far, (accounts,), multiples of 1/64 so that sums are exact; or one for all.
            new_weight: What each account counts from now on.
        """
        changed = (old != new) | (np.asarray(old_weight) != new_weight)
        if changed.any():
            counts = self._counts[kind]
            for values, weights, add in ((new, new_weight, np.add), (old, old_weight, np.subtract)):
                moved = changed & (values != 0)
                add.at(counts, _cell(values[moved]), np.broadcast_to(weights, values.shape)[moved])

    def recount(self, kind: str, values: Hashes, weights: Floats | None = None) -> None:
        """Rebuild the counts of a kind from all accounts' values, (accounts,), 0 for none, and their weights (1 when None)."""
        known = values != 0
        cast = None if weights is None else weights[known]
        self._counts[kind] = np.bincount(_cell(values[known]), cast, minlength=1 << _CELL_BITS).astype(np.float64)

    def counted(self, kind: str, values: Hashes) -> Floats:
        """Return the weight of all accounts with each value, (rows,). values: (rows,), 0 for no value, whose count is 0."""
        return np.where(values == 0, 0.0, self._counts[kind][_cell(values)])

    def rarity(self, kind: str, values: Hashes, total: float) -> Floats:
        """Return -ln of the share of payers with each value, nats, (rows,); NaN for no value.

        Args:
            kind: Kind of value.
            values: (rows,), 0 for no value.
            total: Weight of all accounts.
        """
        counts = np.maximum(self._counts[kind][_cell(values)], 1.0)
        return np.where(values == 0, np.nan, -np.log(np.minimum(counts / max(total, 1.0), 1.0)))


def _cell(values: Hashes) -> NDArray[np.intp]:
    return cell(values, _CELL_BITS)
