"""How good a ranking or a share is, and how sure we can be of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float

    def as_json(self) -> list[float]:
        """Return value, low, high, rounded."""
        return [round(number, 4) for number in (self.value, self.low, self.high)]


def wilson(hits: int, trials: int) -> Estimate:
    """Return a share with its Wilson interval (Wilson 1927); without trials, anything is possible."""
    if trials == 0:
        return Estimate(float("nan"), 0.0, 1.0)
    z, share = 1.96, hits / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    reach = z / (1 + z * z / trials) * float(np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)))
    return Estimate(share, max(0.0, centre - reach), min(1.0, centre + reach))


def bootstrap(values: Sequence[float], statistic: Callable[[Floats], float], draws: int = 2000) -> Estimate:
    """Return a statistic with its percentile-bootstrap interval over the values (campaigns or seeds, never requests)."""
    sample = np.array(values, dtype=np.float64)
    if len(sample) == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(0)
    again = [statistic(sample[rng.integers(0, len(sample), len(sample))]) for _ in range(draws)]
    low, high = np.quantile(again, [0.025, 0.975])
    return Estimate(statistic(sample), float(low), float(high))


def mean(values: Floats) -> float:
    """Return the mean."""
    return float(np.mean(values))


def median(values: Floats) -> float:
    """Return the median."""
    return float(np.median(values))


def average_precision(scores: Floats, positive: Bools) -> float:
    """Return the mean precision at each positive; ties count together, as one step."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order])
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    gained = np.diff(hits[last], prepend=0)
    return float(np.sum(gained * hits[last] / (last + 1)) / max(1, hits[-1]))


def threshold_at(scores: Floats, positive: Bools, allowed: float = 1e-3) -> float:
    """Return the score above which at most that share of the negatives lies."""
    negatives = np.sort(scores[~positive])[::-1]
    return float(negatives[min(int(allowed * len(negatives)), len(negatives) - 1)])
