"""From evidence to expected false alerts: a fit of the tail of what ordinary entities score, peaks over a threshold.

Nats are log-odds only if the families are independent, which they are not. So the scores of unsuspected entities are counted, one vote
an entity, and the excesses over a high quantile are fitted with a generalised Pareto distribution (Pickands 1975) by
probability-weighted moments (Hosking and Wallis 1987). A budget ("at most one false alert a day among 10,000 entities") then gives a
threshold. With too few votes there is no fit, and the expected number is unknown (NaN).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats

REFERENCE_ENTITIES: Final = 10_000.0
"""Entities for which false-alert rates are stated."""
FALSE_ALERTS_PER_DAY: Final = 10.0
"""False alerts a day that single accounts may cause among 10,000 accounts. The fixed threshold holds beside this budget."""
MAX_SCORE_NATS: Final = 32.0
"""Scores above count as this one."""
VOTE_BINS: Final = 128
"""Bins of every histogram of votes: a partition sends those of features, levels and scores as one matrix."""
NO_VOTE: Final = 255
"""Mark of an entity without a vote."""
MIN_FIT_VOTES: Final = 400
"""Votes from which a tail is fitted: about 20 of them then lie in the tail."""
_TAIL_SHARE: Final = 0.05
"""Share of the highest scores to which the tail is fitted."""
_MIN_TAIL_VOTES: Final = 15
_BIN_NATS: Final = MAX_SCORE_NATS / VOTE_BINS
_MAX_PARETO_SHAPE: Final = 0.5


@dataclass(frozen=True)
class Fit:
    """A fitted tail: the share `share` of all entities scores above `threshold` nats, distributed as a generalised Pareto."""

    threshold: float
    share: float
    scale: float
    shape: float

    def beyond(self, scores: Floats) -> Floats:
        """Return the share of ordinary entities that score higher, 0..1; below the threshold it is the tail's share.

        Args:
            scores: Nats, any shape.
        """
        excess = np.maximum(scores - self.threshold, 0.0) / self.scale
        tail: Floats = np.exp(-excess) if self.shape == 0 else (1.0 + self.shape * excess) ** (-1.0 / self.shape)
        return self.share * tail


class Tail:
    """A histogram of the scores of ordinary entities, 0..MAX_SCORE_NATS, and the fit of its tail.

    Every ordinary entity has one vote: the bin of its newest score. Votes are stored with the entities, one byte each.
    """

    def __init__(self) -> None:
        """Start without votes."""
        self.votes = np.zeros(VOTE_BINS)
        self.other_partitions_votes = np.zeros(VOTE_BINS)
        """Votes that other partitions count, (VOTE_BINS,)."""

    def ballots(self, scores: Floats, may_vote: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Return the vote of each entity, (entities,), NO_VOTE where it may not vote.

        Args:
            scores: Nats, (entities,).
            may_vote: Which entities are ordinary enough to vote, (entities,).
        """
        return np.where(may_vote, np.clip(scores / _BIN_NATS, 0, VOTE_BINS - 1), NO_VOTE).astype(np.uint8)

    def replace_votes(self, old: NDArray[np.uint8], old_weights: Floats, new: NDArray[np.uint8], new_weights: Floats) -> None:
        """Replace `old` votes by `new` ones, NO_VOTE for none; `old_weights` and `new_weights` say what a vote counts, all (entities,)."""
        self.votes += _counted(new, new_weights) - _counted(old, old_weights)

    def recount(self, votes: NDArray[np.uint8], weights: Floats) -> None:
        """Rebuild the histogram from every entity's vote and its weight, (entities,)."""
        self.votes = _counted(votes, weights)

    def fit(self) -> Fit | None:
        """Return the fitted tail; None while there are fewer than MIN_FIT_VOTES votes, or too few of them lie in the tail."""
        votes = self.votes + self.other_partitions_votes
        total = votes.sum()
        if total < MIN_FIT_VOTES:
            return None
        above = np.cumsum(votes[::-1])[::-1]  # votes in this bin or higher
        start = int(np.argmax(above <= _TAIL_SHARE * total))
        peaks = votes[start:]
        if peaks.sum() < _MIN_TAIL_VOTES:
            return None
        scale, shape = _pareto(peaks)
        return Fit(start * _BIN_NATS, float(peaks.sum() / total), scale, shape)

    def false_alerts(self, scores: Floats) -> Floats:
        """Return how many of 10,000 ordinary entities are expected to score higher on a day, shape as given; NaN without a fit.

        A vote is an entity's newest score, and scores decay within days: so the expectation is one per day.

        Args:
            scores: Nats, any shape.
        """
        tail_fit = self.fit()
        return np.full(len(scores), np.nan) if tail_fit is None else REFERENCE_ENTITIES * tail_fit.beyond(scores)


def _counted(votes: NDArray[np.uint8], weights: Floats) -> Floats:
    cast = votes != NO_VOTE
    return np.bincount(votes[cast], weights[cast], VOTE_BINS).astype(np.float64)


def _pareto(peaks: Floats) -> tuple[float, float]:
    """Return scale (nats) and shape (0.._MAX_PARETO_SHAPE) of a generalised Pareto, by probability-weighted moments.

    A negative shape (a tail with an end) is replaced by 0: the next entity may score beyond any end seen so far.

    Two votes in the first bin of a quarter nat and one in the third have a mean excess of 7/24 nats:

    >>> scale, shape = _pareto(np.array([2.0, 0.0, 1.0]))
    >>> round(scale * 24, 6), shape
    (7.0, 0.0)

    Args:
        peaks: Votes by bin above the threshold, (bins,).
    """
    excess = (np.arange(len(peaks)) + 0.5) * _BIN_NATS
    weight = peaks / peaks.sum()
    survival = 1.0 - np.cumsum(weight) + weight / 2
    mean, moment = float(weight @ excess), float((weight * survival) @ excess)
    if mean <= 2 * moment:
        return mean, _MAX_PARETO_SHAPE
    shape = 2.0 - mean / (mean - 2 * moment)
    if shape <= 0.0:
        return mean, 0.0
    shape = min(shape, _MAX_PARETO_SHAPE)
    return mean * (1.0 - shape), shape
