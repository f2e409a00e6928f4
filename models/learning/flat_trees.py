"""River's HalfSpaceTrees as arrays: the same masses and the same scores, for all rows of a block in one descent.

River walks Python objects, about 15 us an observation; here a block of 256 costs about 2 us an observation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class FlatTrees:
    """The trees of a model in heap order, (trees, nodes): node i has the children 2i + 1 and 2i + 2.

    Scores are those of River's `score_one` until the masses pivot at the end of a window: make a new one then.
    """

    def __init__(self, model: Any, names: Sequence[str]) -> None:
        """Read the trees of a HalfSpaceTrees that has learned at least once; `names` are the columns of later values."""
        column = {name: i for i, name in enumerate(names)}
        inner, leaves = 2**model.height - 1, 2**model.height
        self._model = model
        self._nodes = [_heap(tree, model.height) for tree in model.trees]
        splits = [node for tree in self._nodes for node in [*tree[:inner], *[None] * leaves]]
        self._feature = np.array([0 if node is None else column[node.feature] for node in splits], np.intp)
        self._threshold = np.array([0.0 if node is None else node.threshold for node in splits])
        self._mass = np.array([node.r_mass for tree in self._nodes for node in tree], np.float64)
        # where a tree's nodes start, in the arrays of all trees one after the other
        self._start = np.arange(len(self._nodes))[:, None] * (inner + leaves)

    def score(self, values: Values) -> Values:
        """Return River's `score_one` of each row of `values`, (rows, features) without unknowns."""
        model = self._model
        mass = self._mass[self._paths(values)]
        # the mass of a node counts while every node above it holds enough
        going = np.logical_and.accumulate(mass[:-1] >= model.size_limit, axis=0)
        worth = 2.0 ** np.arange(len(mass))[:, None, None]
        total = mass[0] + (mass[1:] * going * worth[1:]).sum(axis=0)
        most = model.n_trees * model.window_size * (2 ** (model.height + 1) - 1)
        return np.asarray(1.0 - total.sum(axis=0) / most)

    def count(self, values: Values) -> None:
        """Teach River's trees every row, as that many `learn_one`. There must be room for them before the window ends."""
        found = np.bincount(self._paths(values).reshape(-1), minlength=len(self._mass)).reshape(len(self._nodes), -1)
        for tree, node in zip(*(each.tolist() for each in np.nonzero(found)), strict=True):
            self._nodes[tree][node].l_mass += int(found[tree, node])
        self._model.counter += len(values)

    def _paths(self, values: Values) -> NDArray[np.intp]:
        """Return the nodes that each row passes from the root to its leaf, (levels, trees, rows)."""
        rows, width = values.shape
        flat, first = np.ascontiguousarray(values).reshape(-1), np.arange(rows) * width
        paths = np.empty((self._model.height + 1, len(self._nodes), rows), np.intp)
        paths[0] = self._start
        for level in range(self._model.height):
            node = paths[level]
            right = flat[first + self._feature[node]] >= self._threshold[node]
            paths[level + 1] = 2 * node + 1 - self._start + right
        return paths


def _heap(tree: Any, height: int) -> list[Any]:
    level = [tree]
    nodes = [tree]
    for _ in range(height):
        level = [child for node in level for child in node.children]
        nodes += level
    return nodes
