"""Decayed histograms of an entity's events: of a number's bins, or of a hash's cells.

A histogram of hashed cells answers "how much of this is one thing" without keeping the things: its largest cell's share is at least
the share of the most frequent value, and over by at most the others' average share of a cell.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.accumulators.decayed import weights
from models.accumulators.mixing import mix
from models.accumulators.step import Floats, Step


def fold(cells: NDArray[np.float32], step: Step, which: NDArray[np.int64], half_life: float) -> None:
    """Add a block to decayed histograms, in place.

    cells: (capacity, bins). which: (events,), the bin of each event in step order, -1 where unknown. half_life: seconds.
    """
    if not len(step.slots):
        return
    bins = cells.shape[1]
    worth, kept = weights(step, half_life)
    known = which >= 0
    flat = step.entity[known] * bins + which[known]
    added = np.bincount(flat, worth[known], len(step.slots) * bins).reshape(-1, bins)
    cells[step.slots] = cells[step.slots] * kept[:, None] + added


def cells_of(hashes: NDArray[np.uint64], bins: int) -> NDArray[np.int64]:
    """Return the cell of each hash, -1 for the unknown hash 0. Shape as given."""
    return np.where(hashes == 0, -1, (mix(hashes) % np.uint64(bins)).astype(np.int64))


def bins_of(values: Floats, low: float, high: float, bins: int) -> NDArray[np.int64]:
    """Return the bin of each value between declared limits, -1 for NaN. Values outside fall into the outermost bins."""
    scaled = (values - low) * (bins / (high - low))
    return np.where(np.isnan(values), -1, np.clip(np.nan_to_num(scaled), 0, bins - 1)).astype(np.int64)


def entropy(cells: NDArray[np.float32]) -> Floats:
    """Return each row's entropy over that of a flat row, 0..1; NaN for an empty row. Shape (rows,)."""
    total = cells.sum(axis=1, keepdims=True, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = cells / total
        nats = np.where(share > 0, -share * np.log(share), 0.0).sum(axis=1)
    return np.where(total[:, 0] > 0, nats / np.log(cells.shape[1]), np.nan)


def top_share(cells: NDArray[np.float32]) -> Floats:
    """Return the share of each row's largest cell, 0..1; NaN for an empty row. Shape (rows,)."""
    total = cells.sum(axis=1, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0, cells.max(axis=1) / total, np.nan)
