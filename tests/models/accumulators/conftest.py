from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from models.accumulators.step import Floats, Step

Event = tuple[int, float, float]
"""Slot, time in seconds, value."""
Fold = Callable[[Step, Floats], None]


@pytest.fixture
def folded() -> Callable[[Sequence[Sequence[Event]], Fold], Floats]:
    """Fold blocks of events one after the other, values in step order, and return the clocks of the eight slots."""

    def fold_all(blocks: Sequence[Sequence[Event]], fold: Fold) -> Floats:
        clock = np.full(8, -np.inf)
        for step, values in _steps(blocks, clock):
            fold(step, values)
        return clock

    return fold_all


def _steps(blocks: Sequence[Sequence[Event]], clock: Floats) -> Iterator[tuple[Step, Floats]]:
    for block in blocks:
        rows = np.array(block, np.float64).reshape(-1, 3)
        step = Step.of(rows[:, 0].astype(np.int64), rows[:, 1], clock)
        yield step, rows[:, 2][step.order]
        clock[step.slots] = step.clock
