"""Arrays by what they hold. Their shapes are in the docstrings of those who use them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
"""Numbers, NaN where unknown."""
Hashes = NDArray[np.uint64]
"""64-bit hashes of values, 0 where unknown."""
Mask = NDArray[np.bool_]
"""Which rows are chosen."""
