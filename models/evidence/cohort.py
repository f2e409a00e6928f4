"""Were a group's accounts made in one batch? A scan over their dates of creation.

A window of creation is striking when it holds more of the group than it holds of everybody: with k of M accounts in a window that holds a
share q of all accounts, the log-likelihood ratio is M * KL(k/M || q) (Kulldorff 1997, the scan statistic), less the logarithm of the
windows tried (each start, each end). Ages are compared through ranks among all accounts, so a wave of sign-ups after a launch is not
evidence by itself.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats

DAY: Final = 86400.0
WINDOWS: Final = (3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 60 * DAY)
MIN_BATCH_ACCOUNTS: Final = 3
"""Accounts that make a batch."""
CEILING_NATS: Final = 50.0
_LEAST_SHARE: Final = 0.5
_LEAST_MASS: Final = 1e-3


def divergence(share: Floats, background: Floats) -> Floats:
    """Return KL(share || background) of two coins in nats, where the share is the larger one, else 0. Both within 0..1."""
    p, q = np.clip(share, 1e-12, 1 - 1e-12), np.clip(background, 1e-12, 1 - 1e-12)
    return np.where(p > q, p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)), 0.0)


def scan(created: Floats, age_rank: Floats) -> float:
    """Return the nats by which the accounts look made in one batch, 0..CEILING.

    created: (accounts,), seconds. age_rank: (accounts,), share of all accounts that are younger, 0..1. Accounts with an unknown one of the
    two are left out, but count as outside of every window. 0 when fewer than three accounts, or less than half of them, share a window.
    """
    known = np.isfinite(created) & np.isfinite(age_rank)
    order = np.argsort(created[known], kind="stable")
    times, ranks = created[known][order], age_rank[known][order]
    found = max((_window(times, ranks, width, len(created)) for width in WINDOWS), default=0.0)
    return float(np.clip(found, 0.0, CEILING_NATS))


def _window(times: Floats, ranks: Floats, width: float, accounts: int) -> float:
    """Return the best window of one width, in nats. times and ranks: (known,), by time."""
    first = np.arange(len(times))
    after = np.searchsorted(times, times + width, side="right")
    inside = after - first
    share = inside / accounts
    enough = (inside >= MIN_BATCH_ACCOUNTS) & (share >= _LEAST_SHARE)
    if not enough.any():
        return 0.0
    nats = accounts * divergence(share, _mass(times, ranks, after - 1, width)) - np.log(len(WINDOWS) * accounts**2)
    return float(nats[enough].max())


def _mass(times: Floats, ranks: Floats, last: NDArray[np.intp], width: float) -> Floats:
    """Return the share of all accounts in each whole window, from the members in it: their density of ranks times its width.

    The members' own span would flatter them: the closest few of a group are always close.
    """
    span, elapsed = np.abs(ranks - ranks[last]), times[last] - times
    return np.clip(span * width / np.maximum(elapsed, 1.0), _LEAST_MASS, 1.0)
