"""An entity against the others of its kind and cohort: River's HalfSpaceTrees, or LODA, behind a learning gate.

Ungated HalfSpaceTrees learn a campaign that is longer than their window (AUC .28 to .38 on KDD99 http in time order). Here the
limits are declared, the gate (`models/gate.py`) keeps suspects out of the masses, and the score is -ln of the share of mass, in
nats, so that it does not crowd at 1.

Sources: Tan, Ting and Liu, "Fast anomaly detection for streaming data", IJCAI 2011; Pevny, "Loda", Machine Learning 102, 2016.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from river import anomaly, base, stats

from models.declared import Limits, unit
from models.gate import Gate

Floats = NDArray[np.floating[Any]]

_TOP = {"trees": 8.0, "loda": 30.0}
_MEMORY_WINDOWS = 20


class Population(base.AnomalyDetector):
    """One model for all entities of one kind and cohort.

    `limits`: declared range of each feature; others are ignored, values beyond are clipped.
    `kind`: "trees" (HalfSpaceTrees of `members` trees) or "loda" (`members` random projections).
    `window_size`: observations that make up the reference; until the first is full the score is 0 and `ready_one` is false.
    `gate`: width of the learning gate; `inf` learns everything.

    A feature that is unknown takes the usual value of what was learned, so that it counts neither way.
    """

    def __init__(
        self,
        limits: Limits,
        kind: Literal["trees", "loda"] = "trees",
        members: int = 10,
        height: int = 8,
        window_size: int = 500,
        gate: float = 3.0,
        seed: int = 1,
    ) -> None:
        """Start without a reference."""
        self.limits = limits
        self.kind = kind
        self.members = members
        self.height = height
        self.window_size = window_size
        self.gate = gate
        self.seed = seed
        self._model = self._new_model()
        self._gate = Gate(_MEMORY_WINDOWS * window_size, _TOP[kind], gate)
        self._usual = {name: stats.EWMean(1.0 / window_size) for name in limits}
        self._learned = 0
        self._flat: _FlatTrees | None = None

    @property
    def window(self) -> int:
        """How many observations count as one window in the contract checks."""
        return self.window_size

    def ready_one(self, x: Mapping[Any, Any]) -> bool:
        """Say whether the first window is full and `x` has a known feature."""
        return self._learned >= self.window_size and bool(unit(x, self.limits))

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return how rare `x` is among the others, in nats; 0 while there is not enough reference, or nothing is known of `x`."""
        seen = unit(x, self.limits)
        return self._score(self._complete(seen)) if seen and self._learned >= self.window_size else 0.0

    def score_many(self, values: Floats) -> NDArray[np.float64]:
        """Return the scores of many entities, (rows,); NaN says "not enough".

        `values` is (rows, features) in the order of `limits`, NaN where unknown. For trees this is one NumPy descent for all rows.
        """
        if self.kind == "trees" and self._learned >= self.window_size:
            return self._score_flat(values)
        names = list(self.limits)
        rows = [dict(zip(names, row, strict=True)) for row in values.tolist()]
        return np.array([self.score_one(x) if self.ready_one(x) else np.nan for x in rows], np.float64)

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Learn `x` if the gate admits it. Nothing known, nothing learned."""
        if not (seen := unit(x, self.limits)):
            return
        complete = self._complete(seen)
        if self._learned >= self.window_size:
            score = self._score(complete)
            self._gate.note(score)
            if not self._gate.admits(score):
                return
        self._model.learn_one(complete)
        self._learned += 1
        for name, value in seen.items():
            self._usual[name].update(value)
        if self._learned % self.window_size == 0:
            self._flat = None

    def _new_model(self) -> base.AnomalyDetector:
        if self.kind == "loda":
            return anomaly.LODA(n_random_cuts=self.members, seed=self.seed)
        return anomaly.HalfSpaceTrees(self.members, self.height, self.window_size, seed=self.seed)

    def _complete(self, seen: Mapping[str, float]) -> dict[Any, Any]:
        return {name: seen[name] if name in seen else self._typical(name) for name in self.limits}

    def _typical(self, name: str) -> float:
        return float(self._usual[name].get() or 0.0)

    def _score(self, complete: dict[Any, Any]) -> float:
        score = float(self._model.score_one(complete))
        return -math.log1p(-score) if self.kind == "trees" else max(score, 0.0)

    def _score_flat(self, values: Floats) -> NDArray[np.float64]:
        if self._flat is None:
            self._flat = _FlatTrees(self._model, list(self.limits))
        low, high = np.array(list(self.limits.values()), np.float64).T
        share = (np.clip(values.astype(np.float64), low, high) - low) / (high - low)
        usual = np.array([self._typical(name) for name in self.limits])
        unknown = np.isnan(share)
        scores = self._flat.score(np.where(unknown, usual, share))
        return np.where(unknown.all(axis=1), np.nan, -np.log1p(-scores))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the flat copy of the trees: it is made again when needed."""
        return {**self.__dict__, "_flat": None}

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        limits = {f"f{i}": (0.0, 1.0) for i in range(6)}
        yield {"limits": limits, "window_size": 100}
        yield {"limits": limits, "window_size": 100, "kind": "loda", "members": 10}


class _FlatTrees:
    """River's trees as arrays in heap order, (trees, nodes). Valid until the masses pivot at the end of a window."""

    def __init__(self, model: Any, names: list[str]) -> None:
        column = {name: i for i, name in enumerate(names)}
        nodes = [_heap(tree, model.height) for tree in model.trees]
        inner = 2**model.height - 1
        self._feature = np.array([[column[node.feature] for node in tree[:inner]] for tree in nodes], np.intp)
        self._threshold = np.array([[node.threshold for node in tree[:inner]] for tree in nodes])
        self._mass = np.array([[node.r_mass for node in tree] for tree in nodes], np.float64)
        self._stop = model.size_limit
        self._most = model.n_trees * model.window_size * (2 ** (model.height + 1) - 1)
        self._height = model.height

    def score(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return River's `score_one` of each row of (rows, features)."""
        tree = np.arange(len(self._mass))[:, None]
        row = np.arange(len(values))[None, :]
        node = np.zeros((len(self._mass), len(values)), np.intp)
        mass = self._mass[tree, node]
        total = mass.copy()
        for depth in range(1, self._height + 1):
            going = mass >= self._stop
            right = values[row, self._feature[tree, node]] >= self._threshold[tree, node]
            node = 2 * node + 1 + right
            if depth == self._height:
                mass = self._mass[tree, node]
                return np.asarray(1.0 - (total + going * mass * 2.0**depth).sum(axis=0) / self._most)
            node = np.where(going, node, 0)
            mass = np.where(going, self._mass[tree, node], 0.0)
            total += mass * 2.0**depth
        return np.asarray(1.0 - total.sum(axis=0) / self._most)


def _heap(tree: Any, height: int) -> list[Any]:
    level = [tree]
    nodes = [tree]
    for _ in range(height):
        level = [child for node in level for child in node.children]
        nodes += level
    return nodes
