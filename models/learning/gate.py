"""The learning gate: a detector that learns everything learns the campaign too.

A threshold at a high quantile of the scores moves into a burst as soon as the burst is longer than the quantile allows. This one
is made from the calm half alone (median, and its distance to the lowest tenth), so that it stands while less than half of what
was seen lately is an attack; a change that stays becomes the calm half in the end.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

_BINS = 256
_REFRESH = 32
_RESCALE = 1e100


class Gate:
    """Remembers the scores of about the last `memory` observations as a decaying histogram of 256 bins over 0..`top`.

    `width`: how far above the median the threshold lies, in distances from the median down to the lowest tenth.
    """

    def __init__(self, memory: float, top: float, width: float) -> None:
        """Start open: everything is admitted until 32 scores are known."""
        self._growth = 2.0 ** (1.0 / memory)
        self._top = top
        self._width = width
        self._counts = [0.0] * _BINS
        self._unit = 1.0
        self._seen = 0
        self.threshold = float("inf")

    def admits(self, score: float) -> bool:
        """Say whether an observation of this score may be learned."""
        return score <= self.threshold

    def note(self, score: float) -> None:
        """Remember a score, admitted or not."""
        share = min(max(score / self._top, 0.0), 1.0)
        self._counts[min(int(share * _BINS), _BINS - 1)] += self._unit
        self._unit *= self._growth
        self._seen += 1
        if self._seen % _REFRESH == 0:
            self._refresh()

    def _refresh(self) -> None:
        if self._unit > _RESCALE:
            self._counts = [count / self._unit for count in self._counts]
            self._unit = 1.0
        sums = list(accumulate(self._counts))
        low, middle = (self._top * (bisect_left(sums, q * sums[-1]) + 1) / _BINS for q in (0.1, 0.5))
        self.threshold = middle + self._width * max(middle - low, 4 * self._top / _BINS)
