"""Whether a client shows the transport that others show who claim to be the same software. Learned from the accounts, never listed.

What a client shows has two layers: its connection and the head of its requests. Software that is upgraded changes one of them, and so
does a proxy that opens TLS; a client that only borrows a name has neither of them right. So the less unusual layer counts.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats

Hashes = NDArray[np.uint64]

KEYS: Final = 3
"""Keys of one vote: the claim itself, the claim with the connection shown, the claim with the head shown."""
MIN_CLAIM_VOTES: Final = 10.0
"""Votes from which it is known what is usual for a claim."""
MAX_MISFIT_NATS: Final = 7.0
"""Nats that a misfit has at most: about one in 1,100 that claim the same."""

_CELLS: Final = 1 << 16
_APART: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(64 - 16)
_STEPS: Final = 64.0


class Claims:
    """Counts votes by claim and by what is shown with it. State: 512 KB, whatever the number of accounts.

    Two keys in one cell make both look more usual than they are: a crowded table raises no false suspicion.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._counts = np.zeros(_CELLS)

    def misfit(self, claims: Hashes, connections: Hashes, heads: Hashes) -> Floats:
        """Return -ln of the share of a claim's votes that show the same, of the layer where that is less, 0..MOST nats.

        All (rows,), 0 for unknown. NaN where one of them is unknown, or fewer than MIN_CLAIM_VOTES votes make the claim.
        """
        claimed = self._counts[_cell(claims)]
        alike = np.maximum(self._counts[_cell(paired(claims, connections))], self._counts[_cell(paired(claims, heads))])
        known = (claims != 0) & (connections != 0) & (heads != 0) & (claimed >= MIN_CLAIM_VOTES)
        rare = np.log(np.maximum(claimed, 1.0) / np.maximum(alike, 1.0))
        return np.where(known, np.minimum(np.maximum(rare, 0.0), MAX_MISFIT_NATS), np.nan)

    def exchange(self, old: Hashes, old_weight: Floats, new: Hashes, new_weight: Floats) -> None:
        """Exchange votes. old, new: (accounts, keys), 0 for none. Weights: (accounts,), as `weight` makes them."""
        np.subtract.at(self._counts, _cell(old), np.where(old != 0, old_weight[:, None], 0.0))
        np.add.at(self._counts, _cell(new), np.where(new != 0, new_weight[:, None], 0.0))

    def recount(self, votes: Hashes, weights: Floats) -> None:
        """Count anew. votes: (accounts, keys). weights: (accounts,)."""
        cast = np.where(votes != 0, weights[:, None], 0.0)
        self._counts[:] = np.bincount(_cell(votes).ravel(), cast.ravel(), minlength=_CELLS)


def weight(accounts: Floats) -> Floats:
    """Return what the vote of a payer's account counts when it has this many: one for all together, a few if they came one by one.

    A multiple of 1/64, so that sums of them are exact in any order. accounts: any shape.
    """
    found: Floats = np.maximum(np.round(_STEPS / np.maximum(accounts, 1.0)), 1.0) / _STEPS
    return found


def paired(claims: Hashes, shown: Hashes) -> Hashes:
    """Return a key for what is shown with a claim, 0 where either is unknown. Any shape."""
    mixed = (claims ^ (shown * _APART)) * _APART
    return np.where((claims != 0) & (shown != 0), mixed | np.uint64(1), np.uint64(0))


def _cell(keys: Hashes) -> NDArray[np.intp]:
    return ((keys * _APART) >> _SHIFT).astype(np.intp)
