"""How common a value is among accounts: a value that many accounts share is public, and is ignored as a link.

One counter a cell of a hashed table, one vote an account and kind of value; counted up and down as accounts change, and rebuilt from
their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats

Hashes = NDArray[np.uint64]

_CELLS: Final = 1 << 14
_APART: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(64 - 14)


class Prevalence:
    """Counts accounts by value, for several kinds of value. State: 128 KB a kind, whatever the number of accounts."""

    def __init__(self, kinds: Sequence[str]) -> None:
        """Start empty."""
        self._counts = {kind: np.zeros(_CELLS) for kind in kinds}

    def exchange(self, kind: str, old: Hashes, new: Hashes) -> None:
        """Move accounts from one value to another; 0 is no value. old, new: (accounts,)."""
        changed = old != new
        if changed.any():
            counts = self._counts[kind]
            np.add.at(counts, _cell(new[changed & (new != 0)]), 1.0)
            np.subtract.at(counts, _cell(old[changed & (old != 0)]), 1.0)

    def recount(self, kind: str, values: Hashes) -> None:
        """Count anew. values: (accounts,)."""
        self._counts[kind] = np.bincount(_cell(values[values != 0]), minlength=_CELLS).astype(np.float64)

    def accounts(self, kind: str, values: Hashes) -> Floats:
        """Return how many accounts have each value, 0 for none. values: (rows,)."""
        return np.where(values == 0, 0.0, self._counts[kind][_cell(values)])

    def rarity(self, kind: str, values: Hashes, accounts: int) -> Floats:
        """Return -ln of the share of all `accounts` that have each value, NaN where there is none. values: (rows,)."""
        held = np.maximum(self._counts[kind][_cell(values)], 1.0)
        return np.where(values == 0, np.nan, -np.log(np.minimum(held / max(accounts, 1), 1.0)))


def _cell(values: Hashes) -> NDArray[np.intp]:
    return ((values * _APART) >> _SHIFT).astype(np.intp)
