"""How common a value is among accounts: a value that many accounts share is public, and is ignored as a link.

A hashed table has one counter a cell; every account has one vote for each kind of value. Counters follow the accounts' changes and are
rebuilt from the accounts' rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats

Hashes = NDArray[np.uint64]

_TABLE_CELLS: Final = 1 << 14
_HASH_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)
_HASH_SHIFT_BITS: Final = np.uint64(64 - 14)


class Prevalence:
    """Counts accounts by value, for several kinds of value. State: 128 KB a kind, whatever the number of accounts."""

    def __init__(self, kinds: Sequence[str]) -> None:
        """Start empty."""
        self._counts = {kind: np.zeros(_TABLE_CELLS) for kind in kinds}

    def exchange(self, kind: str, old: Hashes, new: Hashes) -> None:
        """Move accounts from old values to new ones, both (accounts,), 0 for no value."""
        changed = old != new
        if changed.any():
            counts = self._counts[kind]
            np.add.at(counts, _cell(new[changed & (new != 0)]), 1.0)
            np.subtract.at(counts, _cell(old[changed & (old != 0)]), 1.0)

    def recount(self, kind: str, values: Hashes) -> None:
        """Rebuild the counts of a kind from all accounts' values, (accounts,), 0 for no value."""
        self._counts[kind] = np.bincount(_cell(values[values != 0]), minlength=_TABLE_CELLS).astype(np.float64)

    def accounts(self, kind: str, values: Hashes) -> Floats:
        """Return the number of accounts with each value, (rows,). values: (rows,), 0 for no value, whose count is 0."""
        return np.where(values == 0, 0.0, self._counts[kind][_cell(values)])

    def rarity(self, kind: str, values: Hashes, accounts: int) -> Floats:
        """Return -ln of the share of accounts with each value, nats, (rows,); NaN for no value.

        Args:
            kind: Kind of value.
            values: (rows,), 0 for no value.
            accounts: Number of all accounts.
        """
        counts = np.maximum(self._counts[kind][_cell(values)], 1.0)
        return np.where(values == 0, np.nan, -np.log(np.minimum(counts / max(accounts, 1), 1.0)))


def _cell(values: Hashes) -> NDArray[np.intp]:
    return ((values * _HASH_MULTIPLIER) >> _HASH_SHIFT_BITS).astype(np.intp)
