"""Which models were released lately, to measure the share of new models in an account's requests.

A model is new for three days from its first request, if several payers use it and if a day of traffic precedes it: at the start every
model looks new. Payers are counted by linear counting over 32 bits (Whang, Vander-Zanden, Taylor 1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats
from models.durations import DAY
from models.state.columns import Columns, Field

SEEN_BEFORE_SECONDS: Final = DAY
"""Traffic that must precede the first request to a model before the model counts as released."""
NEW_SECONDS: Final = 3 * DAY
MIN_PAYER_BITS: Final = 12
"""Bits of 32: about 15 payers. A model with fewer is private, for example a fine-tuned one."""
MAX_KNOWN_MODELS: Final = 512
"""Models in the table; a model beyond is never new."""


class Releases:
    """Time of the first use of each model, and about how many payers use it."""

    def __init__(self) -> None:
        """Start without models."""
        self.table = Columns("models", {"first": Field("f8", np.inf), "payers": Field("u4")})

    def observe(self, words: Sequence[str], codes: NDArray[np.integer], payers: NDArray[np.uint64], times: Floats, offset: int) -> None:
        """Update with a block's requests. The same rows again change nothing.

        Args:
            words: Names of the models.
            codes: Position of each request's model in `words`, (rows,), -1 for unknown.
            payers: Hash of who pays for each request, (rows,).
            times: Epoch seconds, (rows,).
            offset: Offset of the block, for the next checkpoint.
        """
        for code, word in enumerate(words):
            if word not in self.table and len(self.table) >= MAX_KNOWN_MODELS:
                continue
            rows = codes == code
            if not rows.any():
                continue
            slot = self.table.intern([word])
            first = min(float(self.table["first"][slot[0]]), float(times[rows].min()))
            bits = np.bitwise_or.reduce(np.left_shift(np.uint32(1), (payers[rows] % np.uint64(32)).astype(np.uint32)))
            seen = self.table["payers"][slot[0]] | bits
            if first < self.table["first"][slot[0]] or seen != self.table["payers"][slot[0]]:
                self.table["first"][slot[0]], self.table["payers"][slot[0]] = first, seen
                self.table.touch(slot, offset)

    def new(self, words: Sequence[str], codes: NDArray[np.integer], times: Floats) -> Floats:
        """Return 1 for a request to a new model, 0 for one to another model, NaN where the model is unknown, (rows,).

        Args:
            words: Names of the models.
            codes: Position of each request's model in `words`, (rows,), -1 for unknown.
            times: Epoch seconds, (rows,).
        """
        slots = [self.table.find(word) for word in words]
        first = np.array([self.table["first"][slot] if slot >= 0 else -np.inf for slot in slots] + [np.nan])
        used = np.array([int(self.table["payers"][slot]).bit_count() >= MIN_PAYER_BITS if slot >= 0 else False for slot in slots] + [False])
        began = float(self.table["first"][self.table.slots].min()) if len(self.table) else np.inf
        released = used & (first >= began + SEEN_BEFORE_SECONDS)
        is_new: Floats = (released[codes] & (times < first[codes] + NEW_SECONDS)).astype(np.float64)
        return np.where(codes < 0, np.nan, is_new)
