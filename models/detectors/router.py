"""Each of the most active routers compared with its own past: it shows a relay whose traffic changes.

Every router has a small gated model (5 trees of height 6, window 100; about 160 KB). Their number is bounded, and the least recently used
one is dropped. Invented router fingerprints could displace real ones: teach only routers with a minimum of traffic.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from river import base

from models.detectors.population import Population
from models.learning.feature_bounds import Limits
from models.learning.shadow import ShadowRole

MAX_SHADOW_ROUTERS = 32
"""Routers with a model in shadow, the most recently active ones: each needs about 175 KB, and a chunk must fit into a Kafka record."""


class RouterModels(base.AnomalyDetector):
    """Small models with River's API, one for each router.

    The key `router` of `x` is the router's id (an int, 0 for unknown). Scores are in nats; 0 while the router is unknown or has not filled
    its first window. The same routers in the same order give the same models: a model's seed is the router's id XOR `seed`.

    Args:
        limits: Declared range of each feature.
        most: Largest number of models.
        window_size: Observations in the reference of a model.
        gate: Width of the learning gate.
        seed: Seed of all models.
    """

    shadow_role: ClassVar = ShadowRole("router", "routers", frozenset({"groups"}))

    def __init__(self, limits: Limits, most: int = 256, window_size: int = 100, gate: float = 3.0, seed: int = 1) -> None:
        """Start without routers."""
        self.limits = limits
        self.most = most
        self.window_size = window_size
        self.gate = gate
        self.seed = seed
        self._models: OrderedDict[int, Population] = OrderedDict()

    @property
    def window(self) -> int:
        """Observations in one window of the contract checks."""
        return self.window_size

    @property
    def routers(self) -> list[int]:
        """The ids of the routers with a model, least recently used first."""
        return list(self._models)

    def ready_one(self, x: Mapping[Any, Any]) -> bool:
        """Return whether the router of `x` has filled its first window."""
        model = self._models.get(_router(x))
        return model is not None and model.ready_one(x)

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return how rare `x` is in its router's own past, in nats. Scoring does not count as use of a model."""
        model = self._models.get(_router(x))
        return 0.0 if model is None else model.score_one(x)

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Update the router's model, creating it if necessary, and drop the least recently used model above the limit."""
        if not (router := _router(x)):
            return
        model = self._models.pop(router, None) or self._new_model(router)
        model.learn_one(x)
        self._models[router] = model
        if len(self._models) > self.most:
            self._models.popitem(last=False)

    @classmethod
    def for_shadow(cls, limits: Limits) -> Self:
        """Return models for at most MAX_SHADOW_ROUTERS routers."""
        return cls(limits, most=MAX_SHADOW_ROUTERS)

    def score_entities(self, ids: NDArray[np.uint64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the score of each router against its own past, nats, (routers,), NaN for too little experience.

        Args:
            ids: Ids of the routers, (routers,).
            values: (routers, features) in the order of `limits`, NaN where unknown.
        """
        return np.array([self.score_one(x) if self.ready_one(x) else np.nan for x in self._named(ids, values)], np.float64)

    def learn_entities(self, ids: NDArray[np.uint64], values: NDArray[np.float64], may_teach: NDArray[np.bool_]) -> None:
        """Update every router's own model, suspect or not, because other routers are not compared with it. See `score_entities`."""
        del may_teach
        for x in self._named(ids, values):
            self.learn_one(x)

    def _named(self, ids: NDArray[np.uint64], values: NDArray[np.float64]) -> list[dict[str, float]]:
        known = [{name: value for name, value in zip(self.limits, row, strict=True) if not math.isnan(value)} for row in values.tolist()]
        return [{**x, "router": router} for x, router in zip(known, ids.tolist(), strict=True)]

    def _new_model(self, router: int) -> Population:
        return Population(self.limits, members=5, height=6, window_size=self.window_size, gate=self.gate, seed=router ^ self.seed)

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, object]]:
        yield {"limits": {f"f{i}": (0.0, 1.0) for i in range(6)}, "most": 4}


def _router(x: Mapping[Any, Any]) -> int:
    return int(x.get("router") or 0)
