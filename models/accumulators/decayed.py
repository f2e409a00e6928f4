"""Exponentially decayed sums: an event counts 1, a half after one half-life, a quarter after two.

Forward decay with a movable landmark (Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay", ICDE 2009): a sum is kept as of the
entity's newest event, and an event that comes late adds what it would be worth by then. So the order of arrival does not matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats, Step


def weights(step: Step, half_life: float) -> tuple[Floats, Floats]:
    """Return what each event is worth at its entity's new clock, (events,), and what the old sums are still worth, (entities,)."""
    found: tuple[Floats, Floats] | None = step.memo.get(("decayed", half_life))
    if found is None:
        events = np.exp2((step.times - step.clock[step.entity]) / half_life)
        kept = np.exp2((step.clock_before - step.clock) / half_life)
        found = step.memo["decayed", half_life] = (events, kept)
    return found


def fold(sums: NDArray[np.float32], step: Step, values: Floats, half_life: float) -> None:
    """Add a block to decayed sums, in place.

    sums: (capacity, k). values: (k, events), in step order, finite (an unknown value is a 0 that its own count does not count).
    half_life: seconds.
    """
    if not len(step.slots):
        return
    worth, kept = weights(step, half_life)
    added = np.add.reduceat(values * worth, step.starts, axis=1)
    sums[step.slots] = sums[step.slots] * kept[:, None] + added.T
