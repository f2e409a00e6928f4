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

REGISTERS = 64
GENERATIONS = 2
WIDTH = GENERATIONS * REGISTERS
_INDEX_BITS = 6
_ALPHA = 0.709
_WORTH = np.exp2(-np.arange(64, dtype=np.float64))


def fold(registers: NDArray[np.uint8], step: Step, hashes: NDArray[np.uint64], window: float) -> None:
    """Add a block's values, in place.

    registers: (capacity, 2 * 64), this window then the one before. hashes: (events,), in step order, 0 where unknown.
    window: seconds.
    """
    _turn(registers, step, window)
    newest = np.floor(step.clock / window)
    behind = newest[step.entity] - np.floor(step.times / window)
    kept = np.flatnonzero((hashes != 0) & (behind < GENERATIONS))
    mixed = mix(hashes[kept])
    index = (mixed & np.uint64(REGISTERS - 1)).astype(np.int64) + REGISTERS * behind[kept].astype(np.int64)
    rank = _rank(mixed >> np.uint64(_INDEX_BITS))
    np.maximum.at(registers, (step.slots[step.entity[kept]], index), rank)


def _turn(registers: NDArray[np.uint8], step: Step, window: float) -> None:
    """Move the registers of every entity whose clock has entered a new window."""
    with np.errstate(invalid="ignore"):
        passed = np.floor(step.clock / window) - np.floor(step.clock_before / window)
    one, more = step.slots[passed == 1], step.slots[passed > 1]
    registers[one, REGISTERS:] = registers[one, :REGISTERS]
    registers[one, :REGISTERS] = 0
    registers[more] = 0


def _rank(rest: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Return the position of the lowest set bit, from 1; at most 58 for all zeros."""
    lowest = rest & (~rest + np.uint64(1))
    exponent = np.frexp(lowest.astype(np.float64))[1]
    return np.where(rest == 0, 64 - _INDEX_BITS, exponent).astype(np.uint8)


def estimate(registers: NDArray[np.uint8]) -> Floats:
    """Return how many different values each row has seen over its two windows. registers: (rows, 128) -> (rows,)."""
    union = np.maximum(registers[:, :REGISTERS], registers[:, REGISTERS:])
    raw = _ALPHA * REGISTERS**2 / _WORTH[union].sum(axis=1)
    zeros = (union == 0).sum(axis=1)
    with np.errstate(divide="ignore"):
        linear = REGISTERS * np.log(REGISTERS / np.maximum(zeros, 1))
    small = (raw <= 2.5 * REGISTERS) & (zeros > 0)
    found: Floats = np.where(small, linear, raw)
    return found
