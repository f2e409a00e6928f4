"""The learning gate keeps high scores out of what a detector learns, or it would learn a campaign as normal.

A threshold at a high quantile of the scores rises with a burst that is longer than the quantile allows. This threshold uses only the lower
half of the scores (the median, and its distance to the lowest tenth), so it stays in place while less than half of the recent scores are of
an attack. A lasting change becomes the lower half in the end.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

_SCORE_BINS = 256
_REFRESH_SCORES = 32
_MAX_UNIT_WEIGHT = 1e100


class Gate:
    """A threshold from a decaying histogram of scores.

    Three of four scores are 1, so the median and the lowest tenth are 1; the least distance is 4 of 256 bins:

    >>> gate = Gate(memory=1000.0, top=8.0, width=4.0)
    >>> for score in (1.0, 1.0, 1.0, 2.0) * 16:
    ...     gate.record(score)
    >>> gate.admits(1.5), gate.admits(2.0)
    (True, False)
    """

    def __init__(self, memory: float, top: float, width: float) -> None:
        """Start open: every score is admitted until 32 are known.

        Args:
            memory: Half-life of a score's weight, in observations.
            top: Upper limit of the histogram of 256 bins, in the unit of the scores.
            width: Distance of the threshold from the median, as a multiple of the distance from the lowest tenth to the median.
        """
        self._growth = 2.0 ** (1.0 / memory)
        self._top = top
        self._width = width
        self._counts = [0.0] * _SCORE_BINS
        self._unit = 1.0
        self._seen = 0
        self.threshold = float("inf")

    def admits(self, score: float) -> bool:
        """Return whether an observation with this score may be learned."""
        return score <= self.threshold

    def record(self, score: float) -> None:
        """Count a score, admitted or not."""
        share = min(max(score / self._top, 0.0), 1.0)
        self._counts[min(int(share * _SCORE_BINS), _SCORE_BINS - 1)] += self._unit
        self._unit *= self._growth
        self._seen += 1
        if self._seen % _REFRESH_SCORES == 0:
            self._refresh()

    def _refresh(self) -> None:
        if self._unit > _MAX_UNIT_WEIGHT:
            self._counts = [count / self._unit for count in self._counts]
            self._unit = 1.0
        sums = list(accumulate(self._counts))
        low, middle = (self._top * (bisect_left(sums, q * sums[-1]) + 1) / _SCORE_BINS for q in (0.1, 0.5))
        self.threshold = middle + self._width * max(middle - low, 4 * self._top / _SCORE_BINS)
