"""How many different values an entity showed lately: HyperLogLog registers in two generations.

Flajolet, Fusy, Gandouet, Meunier: "HyperLogLog" (AofA 2007), with linear counting for small numbers. 64 registers: a standard error of
13 %, less for a few dozen and fewer. Registers cannot decay, so there are two sets, of this window and of the one before;
the answer is that of their union, of one to two windows. An event counts in the window of its own time, so neither the order of
arrival nor where a block ends makes a difference.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.accumulators.mixing import mix
from models.accumulators.step import Floats, Step
from models.state.columns import Slots

REGISTERS = 64
GENERATIONS = 2
WIDTH = GENERATIONS * REGISTERS
_INDEX_BITS = 6
_ALPHA = 0.709
_EXPONENT_BITS = np.uint64(52)
_BIAS = np.uint64(1023)


def fold(registers: NDArray[np.uint8], step: Step, hashes: NDArray[np.uint64], window: float) -> None:
    """Add a block's values, in place.

    registers: (capacity, 2 * 64), this window then the one before, contiguous. hashes: (events,), in step order, 0 where unknown.
    window: seconds.
    """
    turned, first, counts = _windows(step, window)
    for passed, slots in enumerate(turned, 1):
        if len(slots):
            registers[slots, REGISTERS:] = registers[slots, :REGISTERS] if passed == 1 else 0
            registers[slots, :REGISTERS] = 0
    kept = np.flatnonzero(hashes if counts is None else (hashes != 0) & counts)
    mixed = mix(hashes[kept])
    index = first[kept] + (mixed & np.uint64(REGISTERS - 1)).astype(np.int64)
    np.maximum.at(registers.reshape(-1), index, _rank(mixed >> np.uint64(_INDEX_BITS)))


def _windows(step: Step, window: float) -> tuple[tuple[Slots, Slots], NDArray[np.int64], NDArray[np.bool_] | None]:
    """Return what all registers of a window share.

    The slots whose clock has entered the next window and those that skipped one; where each event's registers start; which events are not
    too old to count, None if all.
    """
    found = step.memo.get(("distinct", window))
    if found is None:
        with np.errstate(invalid="ignore"):
            newest = np.floor(step.clock / window)
            passed = newest - np.floor(step.clock_before / window)
        behind = newest[step.entity] - np.floor(step.times / window)
        first = step.slots[step.entity] * WIDTH + REGISTERS * behind.astype(np.int64)
        counts = behind < GENERATIONS
        turned = (step.slots[passed == 1], step.slots[passed > 1])
        found = step.memo["distinct", window] = (turned, first, None if counts.all() else counts)
    windows: tuple[tuple[Slots, Slots], NDArray[np.int64], NDArray[np.bool_] | None] = found
    return windows


def _rank(rest: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return the position of the lowest set bit, from 1; at most 58 for all zeros."""
    below = np.bitwise_count(~rest & (rest - np.uint64(1)))  # the bits below the lowest that is set
    return np.minimum(below + np.uint8(1), np.uint8(64 - _INDEX_BITS))


def estimate(registers: NDArray[np.uint8]) -> Floats:
    """Return how many different values each row has seen over its two windows. registers: (rows, 128) -> (rows,)."""
    union = np.maximum(registers[:, :REGISTERS], registers[:, REGISTERS:])
    worth = ((_BIAS - union) << _EXPONENT_BITS).view(np.float64)  # 2 to the power of -union, bit by bit
    raw = _ALPHA * REGISTERS**2 / worth.sum(axis=1)
    zeros = (union == 0).sum(axis=1)
    with np.errstate(divide="ignore"):
        linear = REGISTERS * np.log(REGISTERS / np.maximum(zeros, 1))
    small = (raw <= 2.5 * REGISTERS) & (zeros > 0)
    found: Floats = np.where(small, linear, raw)
    return found
