from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats

Event = tuple[int, float, float]
"""Slot, time in seconds, value."""
Fold = Callable[[GroupedEvents, Floats], None]


@pytest.fixture
def folded() -> Callable[[Sequence[Sequence[Event]], Fold], Floats]:
    """Fold blocks of events one after the other, values in slot order, and return the clocks of the eight slots."""

    def fold_all(blocks: Sequence[Sequence[Event]], fold: Fold) -> Floats:
        clock = np.full(8, -np.inf)
        for grouped, values in _steps(blocks, clock):
            fold(grouped, values)
        return clock

    return fold_all


def _steps(blocks: Sequence[Sequence[Event]], clock: Floats) -> Iterator[tuple[GroupedEvents, Floats]]:
    for block in blocks:
        rows = np.array(block, np.float64).reshape(-1, 3)
        grouped = GroupedEvents.of(rows[:, 0].astype(np.int64), rows[:, 1], clock)
        yield grouped, rows[:, 2][grouped.order]
        clock[grouped.slots] = grouped.clock
