"""The interface of a detector in shadow: it runs beside the stages, and no alert depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.arrays import Hashes
from models.learning.feature_bounds import Limits

Values = NDArray[np.float64]


@dataclass(frozen=True)
class ShadowRole:
    """The stages in which a detector runs in shadow, and its names."""

    name: str
    """Name of the detector in shadow rows."""
    chunk: str
    """Name of its stored state: the chunk is `stage-chunk/0`. A new name starts without experience."""
    stages: frozenset[str]
    """Stages: `accounts`, `groups`, or both."""


@runtime_checkable
class ShadowDetector(Protocol):
    """A detector of `models/detectors` that runs in shadow: its attribute `shadow_role` registers it."""

    shadow_role: ClassVar[ShadowRole]

    @classmethod
    def for_shadow(cls, limits: Limits) -> Self:
        """Return a new detector. limits: declared range of each feature, in the order of the columns of `values`."""
        ...

    def score_entities(self, ids: Hashes, values: Values) -> Values:
        """Return the score of each entity in nats, (entities,), NaN for too little experience; no state changes.

        Args:
            ids: Ids of routers, (entities,), 0 for other entities.
            values: (entities, features), NaN where unknown.
        """
        ...

    def learn_entities(self, ids: Hashes, values: Values, may_teach: NDArray[np.bool_]) -> None:
        """Learn from these entities.

        Args:
            ids: Ids of routers, (entities,), 0 for other entities.
            values: (entities, features), NaN where unknown.
            may_teach: Which entities are unsuspected, (entities,): only these may be a reference for others.
        """
        ...
