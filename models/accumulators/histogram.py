"""Decayed histograms of an entity's events: by bins of a number, or by cells of a hash.

A histogram of hashed cells estimates the share of the most frequent value without storing values: the share of its largest cell is at
least that share, and on average too large by the share that the other values have in one cell.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.accumulators.decayed import weights
from models.accumulators.grouped_events import GroupedEvents
from models.accumulators.hashing import mix
from models.arrays import Floats


def fold(cells: NDArray[np.float32], grouped: GroupedEvents, which: NDArray[np.int64], half_life: float) -> None:
    """Add a block to decayed histograms, in place.

    >>> cells = np.array([[2.0, 0.0]], np.float32)
    >>> grouped = GroupedEvents.of(np.array([0, 0]), np.array([60.0, 60.0]), clock=np.array([0.0]))
    >>> fold(cells, grouped, which=np.array([1, -1]), half_life=60.0)
    >>> cells.tolist()  # the old events count half, one new event is in bin 1, the other is unknown
    [[1.0, 1.0]]

    Args:
        cells: (capacity, bins).
        grouped: Events by entity.
        which: Bin of each event, (events,), in slot order, -1 where unknown.
        half_life: Seconds.
    """
    if not len(grouped.slots):
        return
    bins = cells.shape[1]
    worth, kept = weights(grouped, half_life)
    known = which >= 0
    flat = grouped.entity[known] * bins + which[known]
    added = np.bincount(flat, worth[known], len(grouped.slots) * bins).reshape(-1, bins)
    cells[grouped.slots] = cells[grouped.slots] * kept[:, None] + added


def cells_of(hashes: NDArray[np.uint64], bins: int) -> NDArray[np.int64]:
    """Return the cell of each hash, -1 for the unknown hash 0. Shape as given."""
    return np.where(hashes == 0, -1, (mix(hashes) % np.uint64(bins)).astype(np.int64))


def bins_of(values: Floats, low: float, high: float, bins: int) -> NDArray[np.int64]:
    """Return the bin of each of the `values`, shape as given, -1 for NaN. Values outside of the limits count in the outermost bins.

    >>> bins_of(np.array([0.0, 0.49, 5.0, np.nan]), low=0.0, high=1.0, bins=4).tolist()
    [0, 1, 3, -1]
    """
    scaled = (values - low) * (bins / (high - low))
    return np.where(np.isnan(values), -1, np.clip(np.nan_to_num(scaled), 0, bins - 1)).astype(np.int64)


def entropy(cells: NDArray[np.float32]) -> Floats:
    """Return each row's entropy divided by that of a uniform row, 0..1, (rows,); NaN for an empty row.

    >>> entropy(np.array([[1, 1, 0, 0], [1, 1, 1, 1]], np.float32)).tolist()
    [0.5, 1.0]
    """
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
