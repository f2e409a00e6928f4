"""Mixing of the bits of poor hashes, before their low bits choose a cell or a register."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mix(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return well-mixed 64-bit hashes, shape as given; different hashes stay different (finaliser of splitmix64, Steele et al. 2014).

    >>> mix(np.array([0, 1], np.uint64)).tolist()
    [0, 6238072747940578789]
    """
    mixed = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
