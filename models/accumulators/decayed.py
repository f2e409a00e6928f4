"""Exponentially decayed sums: an event counts 1, a half after one half-life, a quarter after two.

Forward decay with a movable landmark (Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay", ICDE 2009): a sum is stored as of the
entity's newest event, and a late event adds its decayed weight at that time. So the order of arrival does not matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats


def weights(grouped: GroupedEvents, half_life: float) -> tuple[Floats, Floats]:
    """Return the weight of each event at its entity's new clock, (events,), and the weight left to the old sums, (entities,).

    An entity's sum is from second 0; with a half-life of 60 s, its events at 60 and 120 s leave it a quarter:

    >>> grouped = GroupedEvents.of(np.array([0, 0]), np.array([60.0, 120.0]), clock=np.array([0.0]))
    >>> events, kept = weights(grouped, half_life=60.0)
    >>> events.tolist(), kept.tolist()
    ([0.5, 1.0], [0.25])

    Args:
        grouped: Events by entity.
        half_life: Seconds.
    """
    known: tuple[Floats, Floats] | None = grouped.memo.get(("decayed", half_life))
    if known is None:
        events = np.exp2((grouped.times - grouped.clock[grouped.entity]) / half_life)
        kept = np.exp2((grouped.clock_before - grouped.clock) / half_life)
        known = grouped.memo["decayed", half_life] = (events, kept)
    return known


def fold(sums: NDArray[np.float32], grouped: GroupedEvents, values: Floats, half_life: float) -> None:
    """Add a block to decayed sums, in place.

    >>> sums = np.array([[4.0]], np.float32)
    >>> grouped = GroupedEvents.of(np.array([0, 0]), np.array([60.0, 120.0]), clock=np.array([0.0]))
    >>> fold(sums, grouped, values=np.array([[10.0, 20.0]]), half_life=60.0)
    >>> sums.tolist()  # 4 / 4 + 10 / 2 + 20
    [[26.0]]

    Args:
        sums: (capacity, k).
        grouped: Events by entity.
        values: (k, events), in slot order, finite; an unknown value is 0, and does not count in the count beside its sum.
        half_life: Seconds.
    """
    if not len(grouped.slots):
        return
    worth, kept = weights(grouped, half_life)
    added = np.add.reduceat(values * worth, grouped.starts, axis=1)
    sums[grouped.slots] = sums[grouped.slots] * kept[:, None] + added.T


def correct(
    sums: NDArray[np.float32], grouped: GroupedEvents, entity: NDArray[np.intp], times: Floats, values: Floats, half_life: float
) -> None:
    """Add what is counted otherwise of earlier events to decayed sums, in place, after `fold`.

    A sum is as of 120 s; of an event at 60 s 10 more is counted than before:

    >>> sums = np.array([[26.0]], np.float32)
    >>> grouped = GroupedEvents.of(np.array([0]), np.array([120.0]), clock=np.array([0.0]))
    >>> correct(sums, grouped, np.array([0]), np.array([60.0]), np.array([[10.0]]), half_life=60.0)
    >>> sums.tolist()
    [[31.0]]

    Args:
        sums: (capacity, k).
        grouped: Events by entity.
        entity: Entity of each row among those of `grouped`, (rows,).
        times: Epoch seconds, (rows,), none later than the entity's newest event.
        values: What to add, (k, rows).
        half_life: Seconds.
    """
    worth = np.exp2((times - grouped.clock[entity]) / half_life)
    np.add.at(sums, grouped.slots[entity], (values * worth).T.astype(np.float32))
