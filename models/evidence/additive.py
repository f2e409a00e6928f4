"""A trained judgement of a group's members: small trees of at most two inputs each and straight lines, which add up to log-odds.

Trees of depth two are an additive model with pairs (GA2M: Lou, Caruana, Gehrke, Hooker 2013): what each input contributes can be said,
and the contributions sum to the score. The trees are data, with where they come from (`additive.json`); they are trained offline, with
inputs that may only raise the score where more of them is more suspicious. No pickle, and no library at run time but NumPy.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.accumulators.short import known_or_zero
from models.arrays import Floats

FILE: Final = Path(__file__).with_suffix(".json")


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
        log_odds: Floats = self._ends(values)[0].sum(axis=1) + self._lines(values).sum(axis=1) + self.base
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
        parts = self._lines(values)
        rows = np.arange(len(values))[:, None]
        paired = np.isfinite(self.branch_threshold)[np.arange(len(self.root)), side]
        half = np.where(paired, ends / 2, 0.0)
        np.add.at(parts, (rows, self.root[None, :]), ends - half)
        np.add.at(parts, (rows, self.branch[np.arange(len(self.root)), side]), half)
        return parts * self.scale

    def _lines(self, values: Floats) -> Floats:
        """Return what each input adds beside the trees, log-odds, (rows, inputs)."""
        return known_or_zero(values) * self.slopes

    def _ends(self, values: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """Return the value of each tree, and whether the first split led above (1) or below (0) its threshold, both (rows, trees)."""
        trees = np.arange(len(self.root))
        compared = values[:, self.root]
        first = ((compared > self.root_threshold) | (np.isnan(compared) & self.root_unknown)).astype(np.intp)
        compared = np.take_along_axis(values, self.branch[trees, first], axis=1)
        above = (compared > self.branch_threshold[trees, first]) | (np.isnan(compared) & self.branch_unknown[trees, first])
        second = above.astype(np.intp)
        return self.leaves[trees, first, second], first


@cache
def trained() -> Additive:
    """Return the model that is stored beside this module."""
    return Additive.of(json.loads(FILE.read_text(encoding="utf-8")))
