"""An entity compared with its own past: hand-over, key theft, pivots (family `change`).

Each feature has three numbers: an exponentially weighted mean and variance, and the weight of the observations behind them. The score of a
value is the log-density that it loses against the mode of the predictive Student distribution. It is in nats, grows without saturating,
and is small while the past is short.

Unusual observations hardly change the past: one more than `trust` standard deviations away counts as `(trust / |z|) ** 8` of one. A past
that is contradicted for long loses its weight, one half per half-life, until there is too little of it and learning starts again. So a
campaign does not become normal, and a lasting change of a person's work does.

`BaselineColumns` computes whole blocks of entities over arrays of its caller, 12 bytes a feature. `Baseline` is the same estimator for one
entity, in plain numbers and with River's API; a test holds the two equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base

from models.learning.feature_bounds import Limits, known

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating[Any]]
Wide = NDArray[np.float64]


@dataclass(frozen=True)
class BaselineColumns:
    """The baseline of many entities at once; stateless, the arrays are arguments.

    Args:
        limits: Smallest and largest value of each feature, in column order; values beyond are clipped.
        half_life: Observations after which an old one counts half (observations, not seconds: silence must not erase the past).
        warm_up: Weight below which a feature has too little experience. The weight of a long past tends to 1.44 `half_life`.
        floor: Smallest meaningful standard deviation, as a share of the range of the limits.
        trust: Standard deviations up to which an observation is learned in full.
        tail: Most degrees of freedom of the predictive distribution: people are burstier than a normal distribution.

    A value three standard deviations from its past has about four nats:

    >>> columns = BaselineColumns({"requests": (0.0, 100.0)})
    >>> mean, var, weight = (np.array([[number]]) for number in (40.0, 100.0, 40.0))
    >>> columns.score(mean, var, weight, np.array([[70.0]])).round(1).tolist()  # half of it: it is the only feature
    [1.7]
    """

    limits: Limits
    half_life: float = 32.0
    warm_up: float = 5.0
    floor: float = 0.02
    trust: float = 3.0
    tail: float = 8.0
    _low: Wide = field(init=False, repr=False, compare=False)
    _high: Wide = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Set the columns of the limits."""
        pairs = np.array(list(self.limits.values()), np.float64).reshape(-1, 2)
        object.__setattr__(self, "_low", pairs[:, 0])
        object.__setattr__(self, "_high", pairs[:, 1])

    def empty(self, rows: int) -> tuple[Floats, Floats, Floats]:
        """Return mean, variance and weight of new entities, each (rows, features)."""
        shape = (rows, len(self.limits))
        return np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def deviations(self, mean: Numbers, var: Numbers, weight: Numbers, values: Numbers) -> Wide:
        """Return the signed z of every value, (rows, features); NaN where the value is unknown or the past too short.

        All arguments are (rows, features); NaN in `values` means unknown.
        """
        return np.where(weight >= self.warm_up, self._z(mean, var, weight, values), np.nan)

    def surprises(self, mean: Numbers, var: Numbers, weight: Numbers, values: Numbers) -> Wide:
        """Return the nats of every value, (rows, features); NaN where the value is unknown or the past too short."""
        z = self.deviations(mean, var, weight, values)
        nu = np.minimum(np.maximum(weight, self.warm_up), self.tail)
        nats: Wide = (nu + 1.0) / 2.0 * np.log1p(z * z / nu)
        return nats

    def score(self, mean: Numbers, var: Numbers, weight: Numbers, values: Numbers) -> Wide:
        """Return the mean of each row's two largest surprises in nats, (rows,); NaN for too little experience.

        Two, because a new owner of an account changes more than one feature; a row with one known feature has half of its nats.
        """
        nats = self.surprises(mean, var, weight, values)
        scored = np.isfinite(nats)
        top = np.sort(np.where(scored, nats, 0.0), axis=1)[:, -2:]
        return np.where(scored.any(axis=1), top.sum(axis=1) / 2.0, np.nan)

    def learn(self, mean: Floats, var: Floats, weight: Floats, values: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the new mean, variance and weight, (rows, features), after one observation a row: `values`. NaN there changes nothing.

        Rows must be different entities: `mean[slots], var[slots], weight[slots] = columns.learn(mean[slots], ...)`.
        """
        seen = ~np.isnan(values)
        x = np.where(seen, self.clipped(values), mean)
        belief = self.belief(mean, var, weight, x)
        total = weight * 2.0 ** (-1.0 / self.half_life) + belief
        share = belief / total
        delta = x - mean
        spread = (1.0 - share) * (var + share * delta * delta)
        return (
            np.where(seen, mean + share * delta, mean).astype(np.float32),
            np.where(seen, spread, var).astype(np.float32),
            np.where(seen, total, weight).astype(np.float32),
        )

    def clipped(self, values: Numbers) -> Wide:
        """Return the values (rows, features) within their limits."""
        return np.asarray(np.clip(values.astype(np.float64), self._low, self._high))

    def belief(self, mean: Numbers, var: Numbers, weight: Numbers, values: Numbers) -> Wide:
        """Return the weight of each value as an observation, 0..1, (rows, features); 1 while there is too little experience."""
        z = self._z(mean, var, weight, values)
        return np.where(weight < self.warm_up, 1.0, (self.trust / np.maximum(np.abs(z), self.trust)) ** 8)

    def _z(self, mean: Numbers, var: Numbers, weight: Numbers, values: Numbers) -> Wide:
        least = (self.floor * (self._high - self._low)) ** 2
        scale = np.sqrt(np.maximum(var, least) * (1.0 + 1.0 / np.maximum(weight, 1.0)))
        return np.asarray((self.clipped(values) - mean) / scale)


class Baseline(base.AnomalyDetector):
    """The baseline of one entity, as a River estimator. See `BaselineColumns` for the parameters.

    Features without declared limits are ignored, so the declaration bounds the memory.
    """

    def __init__(
        self,
        limits: Limits,
        half_life: float = 32.0,
        warm_up: float = 5.0,
        floor: float = 0.02,
        trust: float = 3.0,
        tail: float = 8.0,
    ) -> None:
        """Start without a past."""
        self.limits = limits
        self.half_life = half_life
        self.warm_up = warm_up
        self.floor = floor
        self.trust = trust
        self.tail = tail
        self._past = dict.fromkeys(limits, (0.0, 0.0, 0.0))

    @property
    def window(self) -> int:
        """Observations in one window of the contract checks: one half-life."""
        return math.ceil(self.half_life)

    def ready_one(self, x: Mapping[Any, Any]) -> bool:
        """Return whether there is enough experience to score at least one feature of `x`."""
        return any(self._past[name][2] >= self.warm_up for name, _ in known(x, self.limits))

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return the mean of the two largest surprises in nats; 0 while there is too little experience."""
        nats = [self._surprise(name, value) for name, value in known(x, self.limits)]
        return math.fsum(sorted(nats)[-2:]) / 2.0

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Learn every known value, weighted by how usual it is."""
        for name, value in known(x, self.limits):
            mean, var, weight = self._past[name]
            belief = 1.0
            if weight >= self.warm_up:
                belief = (self.trust / max(abs(self._z(name, value)), self.trust)) ** 8
            total = weight * 2.0 ** (-1.0 / self.half_life) + belief
            share = belief / total
            delta = value - mean
            self._past[name] = (mean + share * delta, (1.0 - share) * (var + share * delta * delta), total)

    def score_many(self, values: Numbers) -> Wide:
        """Return `score_one` of each row against this past, (rows,); NaN for too little experience.

        Args:
            values: (rows, features) in the order of `limits`, NaN where unknown.
        """
        mean, var, weight = np.array(list(self._past.values()), np.float64).T[:, None, :]
        return self._columns().score(mean, var, weight, values)

    def learn_many(self, values: Numbers) -> None:
        """Learn rows in turn, each weighted by how usual it is for the past before the first of them.

        Args:
            values: (rows, features) in the order of `limits`, NaN where unknown.
        """
        columns = self._columns()
        mean, var, weight = np.array(list(self._past.values()), np.float64).T
        seen = ~np.isnan(values)
        x = np.where(seen, columns.clipped(values), mean)
        later = np.cumsum(seen[::-1], axis=0)[::-1] - seen
        share = columns.belief(mean, var, weight, x) * seen * 2.0 ** (-later / self.half_life)
        old = weight * 2.0 ** (-seen.sum(axis=0) / self.half_life)
        total = old + share.sum(axis=0)
        safe = np.where(total > 0.0, total, 1.0)
        centre = np.where(total > 0.0, (old * mean + (share * x).sum(axis=0)) / safe, mean)
        spread = (old * (var + (mean - centre) ** 2) + (share * (x - centre) ** 2).sum(axis=0)) / safe
        rows = np.array([centre, spread, total]).T.tolist()
        self._past = {name: (row[0], row[1], row[2]) for name, row in zip(self.limits, rows, strict=True)}

    def _columns(self) -> BaselineColumns:
        return BaselineColumns(self.limits, self.half_life, self.warm_up, self.floor, self.trust, self.tail)

    def _z(self, name: str, value: float) -> float:
        mean, var, weight = self._past[name]
        low, high = self.limits[name]
        least = (self.floor * (high - low)) ** 2
        return (value - mean) / math.sqrt(max(var, least) * (1.0 + 1.0 / max(weight, 1.0)))

    def _surprise(self, name: str, value: float) -> float:
        weight = self._past[name][2]
        if weight < self.warm_up:
            return 0.0
        nu = min(weight, self.tail)
        return (nu + 1.0) / 2.0 * math.log1p(self._z(name, value) ** 2 / nu)

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, object]]:
        yield {"limits": {f"f{i}": (0.0, 1.0) for i in range(6)}}
