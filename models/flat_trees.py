"""River's HalfSpaceTrees as arrays: the same masses and the same scores, for all rows of a block in one descent.

River walks Python objects, about 15 us an observation; here a block of 256 costs about 2 us an observation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
        inner = 2**model.height - 1
        self._model = model
        self._nodes = [_heap(tree, model.height) for tree in model.trees]
        self._feature = np.array([[column[node.feature] for node in tree[:inner]] for tree in self._nodes], np.intp)
        self._threshold = np.array([[node.threshold for node in tree[:inner]] for tree in self._nodes])
        self._mass = np.array([[node.r_mass for node in tree] for tree in self._nodes], np.float64)

    def score(self, values: Values) -> Values:
        """Return River's `score_one` of each row of `values`, (rows, features) without unknowns."""
        model = self._model
        total = np.zeros((len(self._nodes), len(values)))
        going = np.ones(total.shape, bool)
        for depth, node in enumerate(self._descend(values)):
            mass = np.take_along_axis(self._mass, node, axis=1)
            total += np.where(going, mass, 0.0) * 2.0**depth
            going &= mass >= model.size_limit
        most = model.n_trees * model.window_size * (2 ** (model.height + 1) - 1)
        return np.asarray(1.0 - total.sum(axis=0) / most)

    def count(self, values: Values) -> None:
        """Teach River's trees every row, as that many `learn_one`. There must be room for them before the window ends."""
        paths = np.stack(list(self._descend(values)))
        for tree, nodes in enumerate(self._nodes):
            found, counts = np.unique(paths[:, tree], return_counts=True)
            for node, count in zip(found.tolist(), counts.tolist(), strict=True):
                nodes[node].l_mass += count
        self._model.counter += len(values)

    def _descend(self, values: Values) -> Iterator[NDArray[np.intp]]:
        node = np.zeros((len(self._nodes), len(values)), np.intp)
        row = np.arange(len(values))
        yield node
        for _ in range(self._model.height):
            feature = np.take_along_axis(self._feature, node, axis=1)
            right = values[row, feature] >= np.take_along_axis(self._threshold, node, axis=1)
            node = 2 * node + 1 + right
            yield node


def _heap(tree: Any, height: int) -> list[Any]:
    level = [tree]
    nodes = [tree]
    for _ in range(height):
        level = [child for node in level for child in node.children]
        nodes += level
    return nodes
