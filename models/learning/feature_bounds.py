"""Declared limits: what a detector may see of a feature vector, whatever the caller sends."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

Limits = Mapping[str, tuple[float, float]]
"""Smallest and largest value of each feature, in column order. Declared by people, never learned from traffic."""


def known(x: Mapping[Any, Any], limits: Limits) -> Iterator[tuple[str, float]]:
    """Yield the declared features of `x` that are known, clipped to their limits. Missing and NaN are unknown."""
    for name, (low, high) in limits.items():
        value = x.get(name, math.nan)
        if value is not None and not math.isnan(value):
            yield name, min(max(float(value), low), high)


def unit(x: Mapping[Any, Any], limits: Limits) -> dict[str, float]:
    """Return the known features of `x`, each as its share of the way from its lower to its upper limit (0..1)."""
    return {name: (value - limits[name][0]) / (limits[name][1] - limits[name][0]) for name, value in known(x, limits)}
