"""From evidence to expected false alerts: a fit of the tail of what ordinary entities score, peaks over a threshold.

Nats are log-odds only in so far as the families are independent, which they are not. So the scores of entities that nothing suspects are
counted, a vote each, and the excesses over a high quantile are fitted with a generalised Pareto distribution (Pickands 1975) by
probability-weighted moments (Hosking and Wallis 1987). A budget ("at most one false alert a day among 10,000 entities") is then a
threshold. Before there are enough votes there is no fit, and the answer is unknown (NaN).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats

ENTITIES: Final = 10_000.0
"""Rates are stated for this many entities."""
BUDGET: Final = 10.0
"""False alerts a day among 10,000 accounts that single accounts may cost, beside the threshold that holds in any case."""
TOP: Final = 32.0
BINS: Final = 128
NO_VOTE: Final = 255
ENOUGH: Final = 400
"""Votes before which there is no fit: the threshold then has 20 peaks above it."""
_ABOVE: Final = 0.05
_LEAST_PEAKS: Final = 15
_WIDTH: Final = TOP / BINS
_HEAVIEST: Final = 0.5


@dataclass(frozen=True)
class Fit:
    """A tail: over `threshold` lies a share `share` of all entities, in a generalised Pareto of this scale and shape."""

    threshold: float
    share: float
    scale: float
    shape: float

    def beyond(self, scores: Floats) -> Floats:
        """Return the share of ordinary entities that score higher, shape as given; below the threshold no less than that of it."""
        excess = np.maximum(scores - self.threshold, 0.0) / self.scale
        tail: Floats = np.exp(-excess) if self.shape == 0 else (1.0 + self.shape * excess) ** (-1.0 / self.shape)
        return self.share * tail


class Tail:
    """The scores of ordinary entities between 0 and TOP, a vote each, and their tail. Votes live with the entities, a byte each."""

    def __init__(self) -> None:
        """Start without votes."""
        self.votes = np.zeros(BINS)
        self.others = np.zeros(BINS)
        """The votes that are counted elsewhere."""

    def ballots(self, scores: Floats, may: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Return the vote of each score, NO_VOTE for those that may not vote. Both (entities,)."""
        return np.where(may, np.clip(scores / _WIDTH, 0, BINS - 1), NO_VOTE).astype(np.uint8)

    def revote(self, old: NDArray[np.uint8], new: NDArray[np.uint8]) -> None:
        """Exchange votes, both (entities,)."""
        self.votes += np.bincount(new[new != NO_VOTE], minlength=BINS) - np.bincount(old[old != NO_VOTE], minlength=BINS)

    def recount(self, votes: NDArray[np.uint8]) -> None:
        """Count anew. votes: (entities,)."""
        self.votes = np.bincount(votes[votes != NO_VOTE], minlength=BINS).astype(np.float64)

    def fit(self) -> Fit | None:
        """Return the tail, None while there are fewer than ENOUGH votes, or hardly any of them differ."""
        votes = self.votes + self.others
        total = votes.sum()
        if total < ENOUGH:
            return None
        above = np.cumsum(votes[::-1])[::-1]  # votes in this bin or higher
        start = int(np.argmax(above <= _ABOVE * total))
        peaks = votes[start:]
        if peaks.sum() < _LEAST_PEAKS:
            return None
        scale, shape = _pareto(peaks)
        return Fit(start * _WIDTH, float(peaks.sum() / total), scale, shape)

    def false_alerts(self, scores: Floats) -> Floats:
        """Return how many of 10,000 ordinary entities are expected to score higher, shape as given; NaN while there is no fit.

        Votes are an entity's newest score, and a score forgets within days: read it as "a day".
        """
        found = self.fit()
        return np.full(len(scores), np.nan) if found is None else ENTITIES * found.beyond(scores)


def _pareto(peaks: Floats) -> tuple[float, float]:
    """Return scale and shape from counts of excesses by bin, by probability-weighted moments; the shape between 0 and a half.

    A tail that ends is never believed: the next entity may lie beyond.
    """
    excess = (np.arange(len(peaks)) + 0.5) * _WIDTH
    weight = peaks / peaks.sum()
    survival = 1.0 - np.cumsum(weight) + weight / 2
    mean, moment = float(weight @ excess), float((weight * survival) @ excess)
    if mean <= 2 * moment:
        return mean, _HEAVIEST
    shape = 2.0 - mean / (mean - 2 * moment)
    if shape <= 0.0:
        return mean, 0.0
    shape = min(shape, _HEAVIEST)
    return mean * (1.0 - shape), shape
