"""What a detector declares and offers to run in shadow: beside the stages, without a say in alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from models.learning.feature_bounds import Limits

Hashes = NDArray[np.uint64]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class ShadowRole:
    """Where a detector runs in shadow, and under which names."""

    name: str
    """Of the detector in shadow rows."""
    chunk: str
    """Of its stored state: the chunk is `stage-chunk/0`. A new name starts cold."""
    stages: frozenset[str]
    """`accounts`, `groups`, or both."""


@runtime_checkable
class ShadowDetector(Protocol):
    """A detector of `models/detectors` that runs in shadow: found by its `shadow_role`, registered nowhere else."""

    shadow_role: ClassVar[ShadowRole]

    @classmethod
    def for_shadow(cls, limits: Limits) -> Self:
        """Return a fresh detector. limits: declared range of each feature, in the order of the columns of `values`."""
        ...

    def score_entities(self, ids: Hashes, values: Values) -> Values:
        """Return nats, (entities,), NaN for "not enough"; nothing is changed.

        ids: (entities,), of routers, 0 for other entities. values: (entities, features), NaN where unknown.
        """
        ...

    def learn_entities(self, ids: Hashes, values: Values, may_teach: NDArray[np.bool_]) -> None:
        """Learn from these entities. may_teach: (entities,), those that nothing suspects: others are no reference for anybody else."""
        ...
