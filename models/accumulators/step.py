"""One block's events grouped by entity: what every accumulator needs to know, computed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.columns import Slots

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """The events of a block in the order of their entities' slots, in time order within an entity.

    Shapes: `order` and everything "per event" (events,), everything "per entity" (entities,), in ascending slot order.
    """

    order: NDArray[np.intp]
    """Where event i of the step stands in the block."""
    times: Floats
    """Event time, seconds; per event, in step order."""
    slots: Slots
    """Per entity."""
    starts: NDArray[np.intp]
    """Where an entity's events start; per entity."""
    entity: NDArray[np.intp]
    """Which entity of the step an event belongs to; per event."""
    clock_before: Floats
    """Newest event time seen before this block, -inf for a new entity; per entity."""
    clock: Floats
    """Newest event time including this block: a late event never turns it back; per entity."""

    @classmethod
    def of(cls, slots: Slots, times: Floats, clock: Floats) -> Step:
        """Group events by slot.

        slots: (events,). times: (events,), seconds, finite. clock: (capacity,), newest event time of every slot.
        """
        order = np.lexsort((times, slots))
        ordered = slots[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.zeros(0, np.intp)
        counts = np.diff(np.r_[starts, len(ordered)])
        unique = ordered[starts]
        sorted_times = times[order]
        before = clock[unique]
        newest = np.maximum(before, sorted_times[starts + counts - 1]) if len(unique) else before
        return cls(order, sorted_times, unique, starts, np.repeat(np.arange(len(unique)), counts), before, newest)

    @property
    def counts(self) -> NDArray[np.intp]:
        """Events per entity."""
        counts: NDArray[np.intp] = np.diff(np.r_[self.starts, len(self.order)])
        return counts

    def gaps(self) -> Floats:
        """Seconds since the entity's previous event, per event; NaN for a first event and for one that came late."""
        previous = np.r_[np.nan, self.times[:-1]]
        previous[self.starts] = self.clock_before
        gaps = self.times - previous
        return np.where(np.isfinite(gaps) & (gaps >= 0), gaps, np.nan)
