"""Mixing of the bits of poor hashes, before some of them choose a cell or a register."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

GOLDEN_RATIO_FACTOR: Final = 0x9E3779B97F4A7C15
"""2 ** 64 divided by the golden ratio, made odd: multiplied by it, near numbers lie far apart (Knuth 1973, section 6.4)."""


def mix(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return well-mixed 64-bit hashes, shape as given; different hashes stay different (finaliser of splitmix64, Steele et al. 2014).

    >>> mix(np.array([0, 1], np.uint64)).tolist()
    [0, 6238072747940578789]
    """
    mixed = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def spread(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return hashes of which the high bits depend on all bits, shape as given (Fibonacci hashing); 0 stays 0."""
    return hashes * np.uint64(GOLDEN_RATIO_FACTOR)


def cell(hashes: NDArray[np.uint64], bits: int) -> NDArray[np.intp]:
    """Return the cell of each hash in a table of 2 ** bits cells, shape as given.

    >>> cell(np.array([0, 1, 2], np.uint64), bits=4).tolist()
    [0, 9, 3]
    """
    return (spread(hashes) >> np.uint64(64 - bits)).astype(np.intp)
