"""How many different values an entity had lately: HyperLogLog registers in two generations.

Flajolet, Fusy, Gandouet, Meunier: "HyperLogLog" (AofA 2007), with linear counting for small numbers. 64 registers have a standard error of
13 %, and less up to a few dozen values. Registers cannot decay, so there are two sets, of the current and of the previous window, and the
estimate is of their union, one to two windows. An event counts in the window of its own time, so neither the order of arrival nor the
size of blocks makes a difference.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.accumulators.grouped_events import GroupedEvents
from models.accumulators.hashing import mix
from models.arrays import Floats
from models.state.columns import Slots

WINDOW_REGISTERS = 64
WINDOW_GENERATIONS = 2
ENTITY_REGISTERS = WINDOW_GENERATIONS * WINDOW_REGISTERS
_INDEX_BITS = 6
_BIAS_FACTOR = 0.709
_EXPONENT_BITS = np.uint64(52)
_EXPONENT_BIAS = np.uint64(1023)


def fold(registers: NDArray[np.uint8], grouped: GroupedEvents, hashes: NDArray[np.uint64], window: float) -> None:
    """Add a block's values, in place.

    One entity has 20 different values within a minute, each twice:

    >>> registers = np.zeros((1, ENTITY_REGISTERS), np.uint8)
    >>> grouped = GroupedEvents.of(np.zeros(40, np.int64), np.arange(40.0), clock=np.array([-np.inf]))
    >>> fold(registers, grouped, hashes=np.tile(np.arange(1, 21, dtype=np.uint64), 2), window=3600.0)
    >>> round(float(estimate(registers)[0]))
    20

    Args:
        registers: (capacity, 2 * 64), current window then the previous one, contiguous.
        grouped: Events by entity.
        hashes: Hash of each value, (events,), in slot order, 0 where unknown.
        window: Seconds.
    """
    turned, first, counts = _windows(grouped, window)
    for passed, slots in enumerate(turned, 1):
        if len(slots):
            registers[slots, WINDOW_REGISTERS:] = registers[slots, :WINDOW_REGISTERS] if passed == 1 else 0
            registers[slots, :WINDOW_REGISTERS] = 0
    kept = np.flatnonzero(hashes if counts is None else (hashes != 0) & counts)
    mixed = mix(hashes[kept])
    index = first[kept] + (mixed & np.uint64(WINDOW_REGISTERS - 1)).astype(np.int64)
    np.maximum.at(registers.reshape(-1), index, _rank(mixed >> np.uint64(_INDEX_BITS)))


def _windows(grouped: GroupedEvents, window: float) -> tuple[tuple[Slots, Slots], NDArray[np.int64], NDArray[np.bool_] | None]:
    """Return what all counters with this window have in common, computed once a block.

    Returns:
        The slots whose clock has entered the next window, and those that have skipped one.
        Position of the first register of each event's window, (events,).
        Which events are recent enough to count, (events,); None if all are.
    """
    known = grouped.memo.get(("distinct", window))
    if known is None:
        with np.errstate(invalid="ignore"):
            newest = np.floor(grouped.clock / window)
            passed = newest - np.floor(grouped.clock_before / window)
        behind = newest[grouped.entity] - np.floor(grouped.times / window)
        first = grouped.slots[grouped.entity] * ENTITY_REGISTERS + WINDOW_REGISTERS * behind.astype(np.int64)
        counts = behind < WINDOW_GENERATIONS
        turned = (grouped.slots[passed == 1], grouped.slots[passed > 1])
        known = grouped.memo["distinct", window] = (turned, first, None if counts.all() else counts)
    windows: tuple[tuple[Slots, Slots], NDArray[np.int64], NDArray[np.bool_] | None] = known
    return windows


def _rank(rest: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return the position of the lowest set bit, from 1; 58 for 0.

    >>> _rank(np.array([0b1, 0b1000, 0], np.uint64)).tolist()
    [1, 4, 58]
    """
    below = np.bitwise_count(~rest & (rest - np.uint64(1)))  # bits below the lowest set bit
    return np.minimum(below + np.uint8(1), np.uint8(64 - _INDEX_BITS))


def estimate(registers: NDArray[np.uint8]) -> Floats:
    """Return the estimated number of different values in both windows of each row, (rows,). registers: (rows, 128).

    With 48 of 64 registers empty, linear counting gives 64 ln(64 / 48) values:

    >>> registers = np.zeros((1, ENTITY_REGISTERS), np.uint8)
    >>> registers[0, :16] = 1
    >>> round(float(estimate(registers)[0]), 1)
    18.4
    """
    union = np.maximum(registers[:, :WINDOW_REGISTERS], registers[:, WINDOW_REGISTERS:])
    worth = ((_EXPONENT_BIAS - union) << _EXPONENT_BITS).view(np.float64)  # 2 to the power of -union, bit by bit
    raw = _BIAS_FACTOR * WINDOW_REGISTERS**2 / worth.sum(axis=1)
    zeros = (union == 0).sum(axis=1)
    with np.errstate(divide="ignore"):
        linear = WINDOW_REGISTERS * np.log(WINDOW_REGISTERS / np.maximum(zeros, 1))
    small = (raw <= 2.5 * WINDOW_REGISTERS) & (zeros > 0)
    counts: Floats = np.where(small, linear, raw)
    return counts
