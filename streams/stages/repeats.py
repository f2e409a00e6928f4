"""Events that stand twice in `requests`: which rows of a block repeat a row of the blocks before it.

A delivery may arrive twice: its answer was lost, a gateway sent it again to another `collect`, a log was sent in two runs. The topic then
has an event twice, in blocks of different composition. Whoever counts events reads them through a window over the last blocks of the
partition: an event is a repetition when an earlier row has the same account, id *and time* (some back-ends repeat ids).

The answer depends on the topic alone: on the MAX_BLOCKS blocks before. So nothing of it is stored; a new owner reads these blocks again,
and all readers of the topic agree. Memory is bounded (8.4 MB a partition): of much more than MAX_CELLS / 3 events within MAX_BLOCKS
blocks the oldest are forgotten.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.hashing import mix
from streams.core.errors import BlockLayoutError
from streams.schema import layouts
from streams.schema.blocks import Block

MAX_BLOCKS: Final = 2_048
"""Blocks of a partition that a repetition may be behind: 3 minutes of one `collect` under load. While Kafka is away none is added."""
BUCKET_EVENTS: Final = 8
"""Events of a bucket; of more the oldest is forgotten (a set-associative cache)."""
TABLE_BUCKETS: Final = 1 << 16
MAX_CELLS: Final = BUCKET_EVENTS * TABLE_BUCKETS

_NO_OFFSETS: Final = -(1 << 62)


class RecentEvents:
    """The events of the last blocks of one partition."""

    def __init__(self, max_blocks: int = MAX_BLOCKS, buckets: int = TABLE_BUCKETS) -> None:
        """Start empty. buckets: a power of two."""
        self.max_blocks = max_blocks
        self._identities = np.zeros((buckets, BUCKET_EVENTS), np.int64)
        self._offsets = np.full((buckets, BUCKET_EVENTS), _NO_OFFSETS, np.int64)
        self._next = np.zeros(buckets, np.int64)

    def recall(self, value: bytes, offset: int) -> None:
        """Note the events of a block that was read before. One that cannot be decoded has none."""
        try:
            block = layouts.decode_keys(value)
        except BlockLayoutError:
            return
        self.repeated(block, offset)

    def repeated(self, block: Block, offset: int) -> NDArray[np.bool_]:
        """Note the events of the block at this offset, and return which of its rows repeat an earlier row, (rows,)."""
        identities = _identities(block)
        buckets = identities & (len(self._next) - 1)
        same = self._identities[buckets] == identities[:, np.newaxis]
        repeated: NDArray[np.bool_] = same.any(axis=1)
        if repeated.any():
            offsets = self._offsets[buckets]
            repeated = (same & (offsets < offset) & (offsets >= offset - self.max_blocks)).any(axis=1)
        unique, first = np.unique(identities, return_index=True)
        if len(unique) < len(identities):
            in_block = np.ones(len(identities), np.bool_)
            in_block[first] = False
            repeated |= in_block
        self._note(unique, offset)
        return repeated

    def _note(self, identities: NDArray[np.int64], offset: int) -> None:
        """Put the events of a block into their buckets, in place of the oldest of a full one.

        >>> recent = RecentEvents(buckets=1)
        >>> for offset, identities in enumerate(([5, 6], [7])):
        ...     recent._note(np.array(identities), offset)
        >>> recent._identities[0, :4].tolist(), recent._offsets[0, :3].tolist()
        ([5, 6, 7, 0], [0, 0, 1])
        """
        buckets = identities & (len(self._next) - 1)
        order = np.argsort(buckets, kind="stable")
        buckets, identities = buckets[order], identities[order]
        starts = np.flatnonzero(np.r_[True, buckets[1:] != buckets[:-1]][: len(buckets)])
        counts = np.diff(np.r_[starts, len(buckets)])
        turn = np.arange(len(buckets)) - np.repeat(starts, counts)
        ways = (self._next[buckets] + turn) % BUCKET_EVENTS
        self._identities[buckets, ways] = identities
        self._offsets[buckets, ways] = offset
        self._next[buckets[starts]] += counts


def _identities(block: Block) -> NDArray[np.int64]:
    """Return a 64-bit hash of account, id and time of each row, (rows,). It is of this process alone (PYTHONHASHSEED)."""
    names = {
        name: np.array([*map(hash, block.words(name))], np.int64).view(np.uint64)[block.codes(name)] for name in ("account_id", "event_id")
    }
    times = np.ascontiguousarray(block.numbers("time"), np.float64).view(np.uint64)
    hashes: NDArray[np.int64] = mix(mix(names["event_id"]) + mix(mix(names["account_id"]) + mix(times))).view(np.int64)
    return hashes
