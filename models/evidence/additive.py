"""A trained judgement of a group's members: small trees of at most two inputs each and straight lines, which add up to log-odds.

Trees of depth two are an additive model with pairs (GA2M: Lou, Caruana, Gehrke, Hooker 2013): what each input contributes can be said,
and the contributions sum to the score. The trees are data, with where they come from (`additive.json`); they are trained offline, with
inputs that may only raise the score where more of them is more suspicious. No pickle, and no library at run time but NumPy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.accumulators.short import known_or_zero
from models.arrays import Floats

FILE: Final = Path(__file__).with_suffix(".json")
_MANY_ROWS: Final = 400
"""Rows from which the trees are evaluated one after another, by column."""


@dataclass(frozen=True)
class Additive:
    """The trees; every array has a row a tree."""

    inputs: tuple[str, ...]
    """Names of the columns that it judges by, in order (`streams.stages.groups.model_inputs`)."""
    base: float
    """Log-odds, in nats, before any tree."""
    offset: float
    """Nats added so that the alert threshold admits at most 1 in 2,000 innocents of authors that were left out of training."""
    scale: float
    """By which log-odds are multiplied before that, so that ordinary groups stay under the floor of `evidence`."""
    root: NDArray[np.intp]
    """The input that the first split compares, (trees,)."""
    root_threshold: Floats
    branch: NDArray[np.intp]
    """The inputs that the second splits compare, below and above the first threshold, (trees, 2)."""
    root_unknown: NDArray[np.bool_]
    """Whether an unknown input goes the way of those above the first threshold, (trees,)."""
    branch_threshold: Floats
    """(trees, 2); infinite where there is no second split."""
    branch_unknown: NDArray[np.bool_]
    """The same of the second splits, (trees, 2)."""
    leaves: Floats
    """Nats of the four ends, (trees, 2, 2): above the first threshold or not, above the second or not."""
    slopes: Floats
    """Log-odds that a unit of each input adds beside the trees, (inputs,), mostly 0; what is unknown adds none."""

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Additive:
        """Return the model of what `additive.json` holds. Raises KeyError and ValueError for anything else.

        One tree that adds 3 log-odds where content is above 2:

        >>> tree = {"root": [0], "root_threshold": [2.0], "root_unknown": [False], "branch": [[0, 0]], "branch_unknown": [[False, False]]}
        >>> tree |= {"branch_threshold": [[None, None]], "leaves": [[[0.0, 0.0], [3.0, 3.0]]]}
        >>> model = Additive.of({"inputs": ["content"], "base": -1.0, "offset": 10.0, "scale": 2.0, "trees": tree})
        >>> model.nats(np.array([[1.0], [5.0]])).tolist()
        [8.0, 14.0]

        A straight line beside it, of half a log-odds a unit:

        >>> stored = {"inputs": ["content"], "base": -1.0, "offset": 10.0, "scale": 2.0, "trees": tree, "slopes": {"content": 0.5}}
        >>> Additive.of(stored).nats(np.array([[1.0], [5.0]])).tolist()
        [9.0, 19.0]
        """
        trees, slopes = stored["trees"], stored.get("slopes", {})
        return cls(
            tuple(stored["inputs"]),
            float(stored["base"]),
            float(stored["offset"]),
            float(stored["scale"]),
            np.array(trees["root"], np.intp),
            np.array(trees["root_threshold"], np.float64),
            np.array(trees["branch"], np.intp).reshape(-1, 2),
            np.array(trees["root_unknown"], np.bool_),
            np.array([np.inf if value is None else value for pair in trees["branch_threshold"] for value in pair], np.float64).reshape(
                -1, 2
            ),
            np.array(trees["branch_unknown"], np.bool_).reshape(-1, 2),
            np.array(trees["leaves"], np.float64).reshape(-1, 2, 2),
            np.array([float(slopes.get(name, 0.0)) for name in stored["inputs"]]),
        )

    @property
    def start(self) -> float:
        """Nats before any tree and line: where the scale begins."""
        return self.base * self.scale + self.offset

    def nats(self, values: Floats) -> Floats:
        """Return the evidence of each row, (rows,). values: (rows, inputs), NaN where unknown."""
        trees = self._sum_of_trees(values) if len(values) >= _MANY_ROWS else self._ends(values)[0].sum(axis=1)
        sloped = self.slopes.nonzero()[0]
        log_odds: Floats = trees + (known_or_zero(values[:, sloped]) * self.slopes[sloped]).sum(axis=1) + self.base
        return log_odds * self.scale + self.offset

    def contributions(self, values: Floats) -> Floats:
        """Return what each input adds, (rows, inputs): with `start` it is `nats`. A pair shares its value.

        One tree adds 4 log-odds where content is above 2 and load above 5, scaled by 2: each of the pair has half of the 8 nats.
        Where content alone is above, it adds 1, and both inputs that it compared have half of that too:

        >>> tree = {"root": [0], "root_threshold": [2.0], "root_unknown": [False], "branch": [[1, 1]], "branch_unknown": [[False, False]]}
        >>> tree |= {"branch_threshold": [[None, 5.0]], "leaves": [[[0.0, 0.0], [1.0, 4.0]]]}
        >>> model = Additive.of({"inputs": ["content", "load"], "base": -1.0, "offset": 10.0, "scale": 2.0, "trees": tree})
        >>> model.contributions(np.array([[3.0, 6.0], [3.0, 0.0], [0.0, 6.0]])).tolist()
        [[4.0, 4.0], [1.0, 1.0], [0.0, 0.0]]
        """
        ends, side = self._ends(values)
        parts = known_or_zero(values) * self.slopes
        rows = np.arange(len(values))[:, None]
        paired = np.isfinite(self.branch_threshold)[np.arange(len(self.root)), side]
        half = np.where(paired, ends / 2, 0.0)
        np.add.at(parts, (rows, self.root[None, :]), ends - half)
        np.add.at(parts, (rows, self.branch[np.arange(len(self.root)), side]), half)
        return parts * self.scale

    def _ends(self, values: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """Return the value of each tree, and whether the first split led above (1) or below (0) its threshold, both (rows, trees)."""
        trees, rows = np.arange(len(self.root))[:, None], np.arange(len(values))
        inputs = np.ascontiguousarray(values.T)  # a tree a row: what is compared lies side by side
        compared = inputs.take(self.root, axis=0)
        first = (compared > self.root_threshold[:, None]) | (np.isnan(compared) & self.root_unknown[:, None])
        branch = 2 * trees + first
        compared = inputs.take(self.branch.take(branch) * len(values) + rows)
        second = (compared > self.branch_threshold.take(branch)) | (np.isnan(compared) & self.branch_unknown.take(branch))
        return self.leaves.take(2 * branch + second).T, first.T.astype(np.intp)

    def _sum_of_trees(self, values: Floats) -> Floats:
        """Return the sum over the trees as of `_ends`, tree after tree, (rows,): for many rows a fifth of its cost.

        Most inputs are the group's, the same in every row: a split by one of them is decided once.
        """
        inputs = np.ascontiguousarray(values.T)
        unknown = np.isnan(inputs)
        alike = ((inputs == inputs[:, :1]) | (unknown & unknown[:, :1])).all(axis=1).tolist()

        def above(column: int, threshold: float, goes_above: bool) -> NDArray[np.bool_]:  # noqa: FBT001 (as the columns have it)
            rows = inputs[column, :1] if alike[column] else inputs[column]
            return np.logical_not(rows <= threshold) if goes_above else rows > threshold  # what is unknown compares as False

        def end(split: _Split) -> Floats | float:
            return split.below if split.is_leaf else _chosen(above(split.column, split.threshold, split.unknown), split.above, split.below)

        total = np.zeros(len(values))
        for root, threshold, goes_above, (low, high) in self._trees:
            first = above(root, threshold, goes_above)
            if len(first) == 1:
                total += end(high if first[0] else low)
            else:
                total += np.where(first, end(high), end(low))
        return total

    @cached_property
    def _trees(self) -> list[tuple[int, float, bool, tuple[_Split, _Split]]]:
        """Input, threshold and way of the unknown of each first split, and the second splits below and above it."""
        second = (self.branch, self.branch_threshold, self.branch_unknown, self.leaves)
        splits = [
            [_Split(*each, *ends) for *each, ends in zip(*pairs, strict=True)] for pairs in zip(*(p.tolist() for p in second), strict=True)
        ]
        first = zip(self.root.tolist(), self.root_threshold.tolist(), self.root_unknown.tolist(), strict=True)
        return [(*root, (low, high)) for root, (low, high) in zip(first, splits, strict=True)]


class _Split(NamedTuple):
    """A second split."""

    column: int
    threshold: float
    unknown: bool
    """Whether an unknown input goes the way of those above the threshold."""
    below: float
    """Log-odds of its ends."""
    above: float

    @property
    def is_leaf(self) -> bool:
        """Whether it splits nothing: every row has the same end."""
        return self.below == self.above or (self.threshold == np.inf and not self.unknown)


def _chosen(condition: NDArray[np.bool_], yes: float, no: float) -> Floats | float:
    """Return `yes` where the condition holds, else `no`: one number for a condition of one row."""
    if len(condition) == 1:
        return yes if condition[0] else no
    return np.where(condition, yes, no)


@cache
def trained() -> Additive:
    """Return the model that is stored beside this module."""
    return Additive.of(json.loads(FILE.read_text(encoding="utf-8")))
