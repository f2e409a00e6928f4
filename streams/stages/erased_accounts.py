"""Accounts that were erased: what topics still contain of before, requests and rows between stages, is not counted again."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import numpy as np

from models.arrays import Floats
from models.durations import DAY
from models.state.columns import Columns, Field
from streams.schema.blocks import Block

ERASURE_MEMORY_SECONDS = 4 * DAY
"""Event time for which an erasure is remembered: a day longer than Kafka keeps requests."""


class ErasedAccounts:
    """The erasures of one partition, by keyed hash: the account ids themselves are not stored."""

    def __init__(self, key: bytes) -> None:
        """Start without erasures. key: key of the hashes."""
        self._keys = [key[: blake2b.MAX_KEY_SIZE]]
        self.table = Columns("erased", {"time": Field("f8", -np.inf)})

    def read_also(self, key: bytes) -> None:
        """Know the accounts that were erased under an earlier key, too."""
        self._keys.append(key[: blake2b.MAX_KEY_SIZE])

    def add(self, account: str, time: float, offset: int) -> None:
        """Remember an erasure: requests of the account up to `time` (epoch seconds) are not counted again."""
        slots = self.table.intern([self._names(account)[0]])
        self.table["time"][slots] = np.fmax(self.table["time"][slots], time)
        self.table.touch(slots, offset)

    def contains(self, account: str, time: float) -> bool:
        """Return whether an erasure of an account of this time (epoch seconds), or of a later one, is remembered."""
        return self._time(account) >= time

    def without(self, block: Block) -> Block:
        """Return a block of requests, groups or evidence without the rows of erased accounts up to the times of their erasures."""
        if not len(self.table) or not len(block):
            return block
        until = self._until(block, "account_id")
        if "entity_id" in block.layout.columns:  # an account's own evidence has its id there
            is_own = np.array([kind == "account" for kind in block.texts("entity_kind")])
            until = np.maximum(until, np.where(is_own, self._until(block, "entity_id"), -np.inf))
        kept = np.flatnonzero(block.numbers("time") > until)
        return block if len(kept) == len(block) else block.take(kept).compact("account_id")

    def times(self) -> dict[str, float]:
        """Return the time of each erasure, epoch seconds, by the hash of its account."""
        return {self.table.keys[slot]: float(self.table["time"][slot]) for slot in self.table.slots.tolist()}

    def restore(self, times: Mapping[str, float]) -> None:
        """Remember these erasures, as `times` returned them."""
        slots = self.table.intern(list(times))
        self.table["time"][slots] = list(times.values())

    def expire(self, newest: float, offset: int) -> None:
        """Forget erasures that no topic can undo any more. newest: newest event time, epoch seconds."""
        for name in [
            self.table.keys[slot] for slot in self.table.slots.tolist() if self.table["time"][slot] < newest - ERASURE_MEMORY_SECONDS
        ]:
            self.table.evict(name, offset)

    def _until(self, block: Block, column: str) -> Floats:
        """Return until when the account that each row names is erased, epoch seconds, (rows,): -inf for one that is not, and for none."""
        until: Floats = np.array([self._time(word) for word in [*block.words(column), ""]])[block.codes(column)]
        return until

    def _time(self, account: str) -> float:
        slots = [slot for name in self._names(account) if (slot := self.table.find(name)) >= 0]
        return max((float(self.table["time"][slot]) for slot in slots), default=-np.inf)

    def _names(self, account: str) -> list[str]:
        return [blake2b(account.encode(), key=key, digest_size=16).hexdigest() for key in self._keys]
