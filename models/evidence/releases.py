"""Which models came out lately: what the share of a new model in an account's requests is read against.

A model is new for three days from its first request, if some accounts used it, and if requests had been seen for a day before: at the
start everything looks new. Accounts are counted by linear counting over 32 bits (Whang, Vander-Zanden, Taylor 1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats
from models.state.columns import Columns, Field

DAY: Final = 86400.0
SEEN_BEFORE_SECONDS: Final = DAY
"""Seconds of traffic before a model that was never seen counts as released rather than unknown to us."""
NEW_SECONDS: Final = 3 * DAY
MIN_ACCOUNT_BITS: Final = 12
"""Of 32: about 15 accounts. What fewer use is somebody's own, a fine-tuned model say."""
MAX_MODELS: Final = 512
"""Models remembered; names beyond are never new."""


class Releases:
    """When each model was first used, and by about how many accounts."""

    def __init__(self) -> None:
        """Start without models."""
        self.table = Columns("models", {"first": Field("f8", np.inf), "accounts": Field("u4")})

    def observe(self, words: Sequence[str], codes: NDArray[np.integer], accounts: NDArray[np.uint64], times: Floats, offset: int) -> None:
        """Note a block's requests. words: the models' names. codes: (rows,), which of them, -1 for unknown. accounts: (rows,), a hash each.

        A state: rows that come again change nothing.
        """
        for code, word in enumerate(words):
            if word not in self.table and len(self.table) >= MAX_MODELS:
                continue
            rows = codes == code
            if not rows.any():
                continue
            slot = self.table.intern([word])
            first = min(float(self.table["first"][slot[0]]), float(times[rows].min()))
            bits = np.bitwise_or.reduce(np.left_shift(np.uint32(1), (accounts[rows] % np.uint64(32)).astype(np.uint32)))
            seen = self.table["accounts"][slot[0]] | bits
            if first < self.table["first"][slot[0]] or seen != self.table["accounts"][slot[0]]:
                self.table["first"][slot[0]], self.table["accounts"][slot[0]] = first, seen
                self.table.touch(slot, offset)

    def new(self, words: Sequence[str], codes: NDArray[np.integer], times: Floats) -> Floats:
        """Return 1 where a request went to a new model, 0 where to another, NaN where that is unknown. Shape (rows,)."""
        slots = [self.table.find(word) for word in words]
        first = np.array([self.table["first"][slot] if slot >= 0 else -np.inf for slot in slots] + [np.nan])
        used = np.array(
            [int(self.table["accounts"][slot]).bit_count() >= MIN_ACCOUNT_BITS if slot >= 0 else False for slot in slots] + [False]
        )
        began = float(self.table["first"][self.table.slots].min()) if len(self.table) else np.inf
        released = used & (first >= began + SEEN_BEFORE_SECONDS)
        found: Floats = (released[codes] & (times < first[codes] + NEW_SECONDS)).astype(np.float64)
        return np.where(codes < 0, np.nan, found)
