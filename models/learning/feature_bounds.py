"""Declared limits: a detector gets only declared features of a vector, within their limits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

Limits = Mapping[str, tuple[float, float]]
"""Smallest and largest value of each feature, in column order. They are declared, never learned from traffic."""


def known(x: Mapping[Any, Any], limits: Limits) -> Iterator[tuple[str, float]]:
    """Yield the declared features of `x` that are known, clipped to their limits. Missing, None and NaN are unknown.

    >>> list(known({"pace": 9.0, "other": 1.0, "share": math.nan}, {"pace": (0.0, 5.0), "share": (0.0, 1.0)}))
    [('pace', 5.0)]
    """
    for name, (low, high) in limits.items():
        value = x.get(name, math.nan)
        if value is not None and not math.isnan(value):
            yield name, min(max(float(value), low), high)


def unit(x: Mapping[Any, Any], limits: Limits) -> dict[str, float]:
    """Return the known features of `x`, scaled from their limits to 0..1.

    >>> unit({"pace": 4.0}, {"pace": (0.0, 5.0), "share": (0.0, 1.0)})
    {'pace': 0.8}
    """
    return {name: (value - limits[name][0]) / (limits[name][1] - limits[name][0]) for name, value in known(x, limits)}
