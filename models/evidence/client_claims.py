"""Whether a client's transport fits the software that it claims to be. What fits is learned from all accounts, never listed.

A client's transport has two layers: its connection (TLS) and the headers of its requests. An upgrade of the software changes one of them,
and so does a proxy that terminates TLS; a client that only borrows a name gets both wrong. So the less unusual layer counts.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.hashing import cell, spread
from models.arrays import Floats, Hashes

VOTE_KEYS: Final = 3
"""Keys of one vote: the claim itself, the claim with the connection, the claim with the headers."""
HALF_CLAIM_VOTES: Final = 10.0
"""Votes on a claim at which what is usual for it is half known."""
MAX_MISFIT_NATS: Final = 7.0
"""Most nats of a misfit: about one in 1,100 of those who claim the same."""

_CELL_BITS: Final = 16
_WEIGHT_STEPS: Final = 64.0


class ClientClaims:
    """Counts votes by claim, and by claim together with transport. State: 512 KB, whatever the number of accounts.

    Two keys that share a cell look more usual than they are: a crowded table causes no false suspicion.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._counts = np.zeros(1 << _CELL_BITS)

    def misfit(self, claims: Hashes, connections: Hashes, heads: Hashes) -> tuple[Floats, Floats]:
        """Return how unusual each client's transport is for its claim, 0..MAX_MISFIT_NATS, and how far that is known, 0..1, both (rows,).

        The misfit is -ln of the share of the claim's votes with the same transport, in the less unusual layer, times how far it is known:
        the share that the votes have beside HALF_CLAIM_VOTES more (the credibility of Bühlmann 1967). So one vote more or less changes
        little, and the first users of a client are no misfits. Both are NaN where a value is unknown.

        Twenty accounts claim 1 with connection 5 and headers 6; of one with 7 and 8 the misfit would be ln 20, known by 20 votes of 30:

        >>> claims, one, five = ClientClaims(), np.ones(1, np.uint64), np.full(1, 5, np.uint64)
        >>> vote = np.column_stack([one, paired(one, five), paired(one, five + one)])
        >>> claims.recount(np.repeat(vote, 20, axis=0), np.ones(20))
        >>> [float(value[0].round(2)) for value in claims.misfit(one, five + np.uint64(2), five + np.uint64(3))]
        [2.0, 0.67]

        Args:
            claims: Hash of the claimed software, (rows,), 0 for unknown.
            connections: Hash of the connection, (rows,), 0 for unknown.
            heads: Hash of the headers, (rows,), 0 for unknown.
        """
        claimed = self._counts[_cell(claims)]
        alike = np.maximum(self._counts[_cell(paired(claims, connections))], self._counts[_cell(paired(claims, heads))])
        shows = (claims != 0) & (connections != 0) & (heads != 0)
        rare = np.log(np.maximum(claimed, 1.0) / np.maximum(alike, 1.0))
        known = claimed / (claimed + HALF_CLAIM_VOTES)
        nats = np.minimum(np.maximum(rare, 0.0), MAX_MISFIT_NATS) * known
        return np.where(shows, nats, np.nan), np.where(shows, known, np.nan)

    def replace_votes(self, old: Hashes, old_weight: Floats, new: Hashes, new_weight: Floats) -> None:
        """Replace old votes by new ones.

        Args:
            old: Keys of the votes so far, (accounts, VOTE_KEYS), 0 for none.
            old_weight: What they counted, (accounts,), from `weight`.
            new: Keys of the new votes, (accounts, VOTE_KEYS), 0 for none.
            new_weight: What they count, (accounts,), from `weight`.
        """
        np.subtract.at(self._counts, _cell(old), np.where(old != 0, old_weight[:, None], 0.0))
        np.add.at(self._counts, _cell(new), np.where(new != 0, new_weight[:, None], 0.0))

    def recount(self, votes: Hashes, weights: Floats) -> None:
        """Rebuild the counts from all votes. votes: (accounts, VOTE_KEYS), 0 for none. weights: (accounts,)."""
        cast = np.where(votes != 0, weights[:, None], 0.0)
        self._counts[:] = np.bincount(_cell(votes).ravel(), cast.ravel(), minlength=1 << _CELL_BITS)


def weight(accounts: Floats) -> Floats:
    """Return the weight of each account's vote, so that all accounts of one payer together count about one.

    Weights are multiples of 1/64, so that their sums are exact in any order.

    Args:
        accounts: Accounts of the payer at the time of the vote, any shape. A payer whose accounts came one by one counts a little more
            than one.
    """
    weights: Floats = np.maximum(np.round(_WEIGHT_STEPS / np.maximum(accounts, 1.0)), 1.0) / _WEIGHT_STEPS
    return weights


def paired(claims: Hashes, shown: Hashes) -> Hashes:
    """Return one key for a claim together with a layer of its transport, shape as given, 0 where either is unknown."""
    mixed = spread(claims ^ spread(shown))
    return np.where((claims != 0) & (shown != 0), mixed | np.uint64(1), np.uint64(0))


def _cell(keys: Hashes) -> NDArray[np.intp]:
    return cell(keys, _CELL_BITS)
