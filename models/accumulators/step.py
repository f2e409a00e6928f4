"""One block's events grouped by entity: what every accumulator needs to know, computed once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.state.columns import Slots

Floats = NDArray[np.float64]

_SMALL = 1 << 16


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
    memo: dict[tuple[str, float], Any] = field(default_factory=dict, repr=False, compare=False)
    """What a kernel computed from the step alone and another can use: by kernel, and half-life or window."""

    @classmethod
    def of(cls, slots: Slots, times: Floats, clock: Floats) -> Step:
        """Group events by slot.

        slots: (events,). times: (events,), seconds, finite. clock: (capacity,), newest event time of every slot.
        """
        order = _order(slots, times)
        ordered = slots[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else np.zeros(0, np.intp)
        ends = np.append(starts[1:], len(ordered))[: len(starts)]
        unique = ordered[starts]
        sorted_times = times[order]
        before = clock[unique]
        newest = np.maximum(before, sorted_times[ends - 1]) if len(unique) else before
        return cls(order, sorted_times, unique, starts, np.repeat(np.arange(len(unique)), ends - starts), before, newest)

    @cached_property
    def counts(self) -> NDArray[np.intp]:
        """Events per entity."""
        return np.diff(self.starts, append=len(self.order))

    def gaps(self) -> Floats:
        """Seconds since the entity's previous event, per event; NaN for a first event and for one that came late."""
        previous = np.empty_like(self.times)
        previous[1:] = self.times[:-1]
        previous[self.starts] = self.clock_before
        gaps = self.times - previous
        return np.where(np.isfinite(gaps) & (gaps >= 0), gaps, np.nan)


def _order(slots: Slots, times: Floats) -> NDArray[np.intp]:
    """Return what sorts by slot, then time: quick for blocks in time order, as `collect` makes them."""
    if (times[1:] < times[:-1]).any():
        return np.lexsort((times, slots))
    # numpy sorts 16-bit integers by radix, eight times as fast as others
    return np.argsort(slots.astype(np.uint16) if slots.max(initial=0) < _SMALL else slots, kind="stable")
