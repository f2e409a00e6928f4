"""Whether a group's accounts were created in one batch: a scan statistic over their dates of creation.

A window is striking when it contains a larger share of the group than of all accounts. If k of the group's M accounts were created in a
window with the share q of all accounts, the log-likelihood ratio is M * KL(k/M || q) (Kulldorff 1997), less the logarithm of the number
of windows tried. Ages are compared through ranks among all accounts, so a wave of sign-ups after a launch is not evidence by itself.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats
from models.durations import DAY

WINDOWS_SECONDS: Final = (3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 60 * DAY)
MIN_BATCH_ACCOUNTS: Final = 3
"""Accounts from which a window counts as a batch."""
MAX_COHORT_NATS: Final = 50.0
_MIN_WINDOW_SHARE: Final = 0.5
_MIN_BACKGROUND_SHARE: Final = 1e-3


def divergence(share: Floats, background: Floats) -> Floats:
    """Return the Kullback-Leibler divergence KL(share || background) of two coins in nats; 0 where the share is not the larger one.

    >>> divergence(np.array([0.5, 0.1]), np.array([0.25, 0.25])).round(3).tolist()
    [0.144, 0.0]

    Args:
        share: Probability of heads, 0..1, any shape.
        background: The probability that it is compared with, 0..1, same shape.
    """
    p, q = np.clip(share, 1e-12, 1 - 1e-12), np.clip(background, 1e-12, 1 - 1e-12)
    return np.where(p > q, p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)), 0.0)


def scan(created: Floats, age_rank: Floats) -> float:
    """Return the evidence that the accounts were created in one batch, 0..MAX_COHORT_NATS.

    It is 0 when no window contains at least MIN_BATCH_ACCOUNTS accounts and half of the group.

    Ten accounts of ten hours, in which one in 500 of all accounts was created, are a batch; one every two months is not:

    >>> hours = np.arange(10.0)
    >>> batch = scan(hours * 3600, 0.02 - hours * 2e-4)
    >>> spread = scan(hours * 60 * DAY, 0.9 - hours / 10)
    >>> round(batch, 1), spread
    (36.2, 0.0)

    Args:
        created: Time of creation in epoch seconds, (accounts,), NaN where unknown.
        age_rank: Share of all accounts that are younger, 0..1, (accounts,), NaN where unknown. An account with an unknown value counts
            as outside of every window.
    """
    known = np.isfinite(created) & np.isfinite(age_rank)
    order = np.argsort(created[known], kind="stable")
    times, ranks = created[known][order], age_rank[known][order]
    nats = max((_window(times, ranks, width, len(created)) for width in WINDOWS_SECONDS), default=0.0)
    return float(np.clip(nats, 0.0, MAX_COHORT_NATS))


def _window(times: Floats, ranks: Floats, width: float, accounts: int) -> float:
    """Return the nats of the best window of one width (seconds). times, ranks: (known,), sorted by time. accounts: size of the group."""
    first = np.arange(len(times))
    after = np.searchsorted(times, times + width, side="right")
    inside = after - first
    share = inside / accounts
    enough = (inside >= MIN_BATCH_ACCOUNTS) & (share >= _MIN_WINDOW_SHARE)
    if not enough.any():
        return 0.0
    nats = accounts * divergence(share, _mass(times, ranks, after - 1, width)) - np.log(len(WINDOWS_SECONDS) * accounts**2)
    return float(nats[enough].max())


def _mass(times: Floats, ranks: Floats, last: NDArray[np.intp], width: float) -> Floats:
    """Return the share of all accounts that were created in each whole window, (known,).

    It is the density of ranks between a window's first and last member, times the window's width. The span between the members alone
    would underestimate it: the closest few of any group are close.
    """
    span, elapsed = np.abs(ranks - ranks[last]), times[last] - times
    return np.clip(span * width / np.maximum(elapsed, 1.0), _MIN_BACKGROUND_SHARE, 1.0)
