"""River models that look on: an entity against its own past, against the others of its kind, a router against its own traffic.

They run in shadow: what they say goes to a topic and a table of its own, and no alert depends on it until `make evaluate` shows that it
adds to what the families already say. They are asked when a score row is due, never for each event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.accumulators.step import Floats
from models.detectors.baseline import BaselineColumns
from models.detectors.population import Population
from models.detectors.router import RouterModels
from models.learning.feature_bounds import Limits
from models.state.columns import Columns, Field, Slots
from models.state.signed_pickle import SealError, seal, unseal
from streams.features.declaration import Feature
from streams.schema import blocks

MOST_ROUTERS = 32
"""Routers with a model of their own, the most lately active: each takes about 175 KB, and a chunk must fit a Kafka record."""
_OFFSET_BYTES = 8


class Watch:
    """The models of one stage and partition, and where their state is kept."""

    def __init__(self, stage: str, features: Sequence[type[Feature]], key: bytes, *, routers: bool = False) -> None:
        """Watch entities by these features. `key` seals what is stored; `routers` adds a model for each of the most active routers."""
        self._limits: Limits = {feature.name(): feature.limits for feature in features}
        self._key = key
        self._past = BaselineColumns(self._limits)
        self._models: dict[str, Population | RouterModels] = {f"{stage}-population": Population(self._limits)}
        if routers:
            self._models[f"{stage}-routers"] = RouterModels(self._limits, most=MOST_ROUTERS)
        self._contained = dict.fromkeys(self._models, -1)
        self._dirty: dict[str, int] = {}
        self._offset = -1
        self.cold = 0

    @property
    def fields(self) -> dict[str, Field]:
        """The columns in which each entity's own past is kept."""
        labels = tuple(self._limits)
        return {f"past_{part}": Field("f4", labels=labels) for part in ("mean", "var", "weight")}

    def look(self, table: Columns, slots: Slots, values: Floats, may_teach: NDArray[np.bool_], offset: int) -> dict[str, Floats]:
        """Return what each detector says of these entities, nats, NaN for "not enough"; then learn from those that may teach.

        values: (entities, features), NaN where unknown. An entity's own past is always learned: it is nobody else's reference.
        """
        past = [table[name][slots] for name in self.fields]
        said = {"baseline": self._past.score(past[0], past[1], past[2], values)}
        for name, learned in zip(self.fields, self._past.learn(past[0], past[1], past[2], values.astype(np.float32)), strict=True):
            table[name][slots] = learned
        for name, model in self._models.items():
            if isinstance(model, Population):
                said["population"] = model.score_many(values)
                if offset > self._contained[name]:
                    model.learn_many(values[may_teach])
                    self._dirty.setdefault(name, offset)
        self._offset = max(self._offset, offset)
        return said

    def look_at_router(self, router: int, values: Floats, offset: int) -> float:
        """Return how unlike its own traffic a router looks, nats, NaN for "not enough"; then learn it. values: (features,)."""
        name, model = next((name, model) for name, model in self._models.items() if isinstance(model, RouterModels))
        known = {feature: value for feature, value in zip(self._limits, values.tolist(), strict=True) if not np.isnan(value)}
        x = {**known, "router": router}
        said = model.score_one(x) if model.ready_one(x) else np.nan
        if offset > self._contained[name]:
            model.learn_one(x)
            self._dirty.setdefault(name, offset)
        self._offset = max(self._offset, offset)
        return said

    def dirty(self) -> Mapping[str, int]:
        """Return the models to write, with the offset that first changed each."""
        return {f"{name}/0": offset for name, offset in self._dirty.items()}

    def holds(self, chunk: str) -> bool:
        """Say whether a chunk is one of these models."""
        return chunk.partition("/")[0] in self._models

    def dump(self, chunk: str) -> bytes:
        """Return a model as sealed bytes; it is clean afterwards."""
        name = chunk.partition("/")[0]
        self._dirty.pop(name, None)
        return self._offset.to_bytes(_OFFSET_BYTES, "little", signed=True) + seal(self._models[name], self._key, name)

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Take over stored models. Bytes without our seal are refused, counted, and the model starts cold."""
        for chunk, data in chunks:
            name = chunk.partition("/")[0]
            if name in self._models:
                try:
                    self._models[name] = unseal(data[_OFFSET_BYTES:], self._key, type(self._models[name]), name)
                except SealError:
                    self.cold += 1
                else:
                    self._contained[name] = self._offset = int.from_bytes(data[:_OFFSET_BYTES], "little", signed=True)


def rows(said: Mapping[str, Floats], times: Floats, kinds: Sequence[str], ids: Sequence[str]) -> bytes | None:
    """Return what the detectors said as a block of shadow rows, or None when they said nothing."""
    found: dict[str, list[Any]] = {name: [] for name in blocks.SHADOW.columns}
    for detector, scores in said.items():
        known = np.flatnonzero(~np.isnan(scores)).tolist()
        found["time"] += times[known].tolist()
        found["entity_kind"] += [kinds[row] for row in known]
        found["entity_id"] += [ids[row] for row in known]
        found["detector"] += [detector] * len(known)
        found["score"] += scores[known].tolist()
    return blocks.SHADOW.encode(found) if found["time"] else None
