"""One block's events grouped by entity, computed once for all accumulators."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats
from models.state.columns import Slots

_MAX_RADIX_SLOTS = 1 << 16


@dataclass(frozen=True)
class GroupedEvents:
    """The events of a block in the order of their entities' slots, in time order within an entity.

    Shapes: "per event" is (events,) in slot order, "per entity" is (entities,) in ascending slot order.
    """

    order: NDArray[np.intp]
    """Position of each event in the block; per event."""
    times: Floats
    """Event time, seconds; per event, in slot order."""
    slots: Slots
    """Slot of each entity; per entity."""
    starts: NDArray[np.intp]
    """Position of an entity's first event in the order; per entity."""
    entity: NDArray[np.intp]
    """Position of an event's entity among the block's entities; per event."""
    clock_before: Floats
    """Newest event time before this block, epoch seconds, -inf for a new entity; per entity."""
    clock: Floats
    """Newest event time including this block, epoch seconds: a late event does not set it back; per entity."""
    memo: dict[tuple[str, float], Any] = field(default_factory=dict, repr=False, compare=False)
    """Results that depend on these events alone, for reuse by other accumulators: by kernel, and half-life or window."""

    @classmethod
    def of(cls, slots: Slots, times: Floats, clock: Floats) -> GroupedEvents:
        """Group events by slot.

        >>> grouped = GroupedEvents.of(np.array([7, 2, 7]), np.array([10.0, 11.0, 12.0]), clock=np.full(8, -np.inf))
        >>> grouped.slots.tolist(), grouped.order.tolist(), grouped.clock.tolist()
        ([2, 7], [1, 0, 2], [11.0, 12.0])

        Args:
            slots: Slot of each event's entity, (events,).
            times: Epoch seconds, (events,), finite.
            clock: Newest event time of every slot, (capacity,), -inf for a new entity.
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

    @cached_property
    def newer(self) -> NDArray[np.bool_]:
        """Which events are not earlier than the entity's newest one before this block, per event: the others are late."""
        newer: NDArray[np.bool_] = self.times >= self.clock_before[self.entity]
        return newer

    def gaps(self) -> Floats:
        """Return the seconds since the entity's previous event, per event; NaN for a first event and for a late one."""
        previous = np.empty_like(self.times)
        previous[1:] = self.times[:-1]
        previous[self.starts] = self.clock_before
        gaps = self.times - previous
        return np.where(np.isfinite(gaps) & (gaps >= 0), gaps, np.nan)


def _order(slots: Slots, times: Floats) -> NDArray[np.intp]:
    """Return the positions that sort by slot, then time, (events,): fast for blocks in time order, as `collect` makes them."""
    if (times[1:] < times[:-1]).any():
        return np.lexsort((times, slots))
    # numpy sorts 16-bit integers by radix, eight times as fast as others
    return np.argsort(slots.astype(np.uint16) if slots.max(initial=0) < _MAX_RADIX_SLOTS else slots, kind="stable")
