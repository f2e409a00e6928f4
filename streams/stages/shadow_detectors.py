"""Detectors in shadow: each entity compared with its own past, and every detector of `models/detectors` with a shadow role.

Their scores have a topic and a table of their own. No alert depends on them until `make evaluate` shows that they add to the families of
evidence. They score when a score row is due, not at every event.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models import detector_registry
from models.arrays import Floats, Hashes
from models.detectors.baseline import BaselineColumns
from models.learning.feature_bounds import Limits
from models.learning.shadow import ShadowDetector
from models.state.columns import Columns, Field, Slots
from models.state.signed_pickle import OtherStateError, SealError, seal, unseal
from streams.features.declaration import Feature
from streams.schema.blocks import BlockColumns

_OFFSET_BYTES = 8
_DIGEST_DIGITS = 16


class ShadowDetectors:
    """The detectors in shadow of one stage and partition, and their state."""

    def __init__(self, stage: str, features: Sequence[type[Feature]], key: bytes) -> None:
        """Start without experience.

        Args:
            stage: `accounts` or `groups`: selects the detectors, and is the first part of their chunks' keys.
            features: Features that they score, in column order.
            key: Key that signs stored models, at least 16 bytes.
        """
        self._limits: Limits = {feature.name(): feature.limits for feature in features}
        self._key = key
        self._of_features = hashlib.sha256(json.dumps(list(self._limits.items())).encode()).hexdigest()[:_DIGEST_DIGITS]
        self._past = BaselineColumns(self._limits)
        kinds = detector_registry.shadow_detectors(stage)
        self._models: dict[str, ShadowDetector] = {f"{stage}-{kind.shadow_role.chunk}": kind.for_shadow(self._limits) for kind in kinds}
        self._contained = dict.fromkeys(self._models, -1)
        self._dirty: dict[str, int] = {}
        self._offset = -1
        self.unreadable_chunks = 0
        """Number of stored models that were refused and started empty."""

    @property
    def fields(self) -> dict[str, Field]:
        """Columns for each entity's own past."""
        labels = tuple(self._limits)
        return {f"past_{part}": Field("f4", labels=labels) for part in ("mean", "var", "weight")}

    def score_then_learn(
        self, table: Columns, slots: Slots, ids: Hashes, values: Floats, may_teach: NDArray[np.bool_], offset: int
    ) -> dict[str, Floats]:
        """Return the scores of each detector in nats, (entities,), NaN for too little experience; then update the detectors.

        An entity's own past is always updated, because other entities are not compared with it.

        Args:
            table: Entities with the columns `fields`, changed in place.
            slots: Their rows, (entities,).
            ids: Ids of routers, (entities,), 0 for other entities.
            values: Values of the features, (entities, features), NaN where unknown.
            may_teach: Which entities other entities may be compared with, (entities,).
            offset: Offset of the block; a model that contains this block already is not updated.

        Returns:
            Scores by name of the detector.
        """
        past = [table[name][slots] for name in self.fields]
        scores = {"baseline": self._past.score(past[0], past[1], past[2], values)}
        for name, learned in zip(self.fields, self._past.learn(past[0], past[1], past[2], values.astype(np.float32)), strict=True):
            table[name][slots] = learned
        for name, model in self._models.items():
            scores[model.shadow_role.name] = model.score_entities(ids, values)
            if offset > self._contained[name]:
                model.learn_entities(ids, values, may_teach)
                self._dirty.setdefault(name, offset)
        self._offset = max(self._offset, offset)
        return scores

    def dirty(self) -> Mapping[str, int]:
        """Return the models to write, with the offset of the first change of each."""
        return {f"{name}/0": offset for name, offset in self._dirty.items()}

    def has_chunk(self, chunk: str) -> bool:
        """Return whether a chunk is one of these models."""
        return chunk.partition("/")[0] in self._models

    def dump(self, chunk: str) -> bytes:
        """Return a model as signed bytes; it is clean afterwards."""
        name = chunk.partition("/")[0]
        self._dirty.pop(name, None)
        return self._offset.to_bytes(_OFFSET_BYTES, "little", signed=True) + seal(self._models[name], self._key, self._sealed_name(name))

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Read stored models. One that is not ours is refused, counted in `unreadable_chunks`, and starts empty.

        So does one of other features or of another version, as after an upgrade: nothing is wrong with it, and it is not counted.
        """
        for chunk, data in chunks:
            name = chunk.partition("/")[0]
            if name in self._models:
                try:
                    self._models[name] = unseal(data[_OFFSET_BYTES:], self._key, type(self._models[name]), self._sealed_name(name))
                except OtherStateError as other:
                    self.unreadable_chunks += int(other.name.partition("/")[0] != name)
                except SealError:
                    self.unreadable_chunks += 1
                else:
                    self._contained[name] = self._offset = int.from_bytes(data[:_OFFSET_BYTES], "little", signed=True)

    def _sealed_name(self, name: str) -> str:
        """Return what a model is sealed as: its columns are the features in their order, so a model of others must not be read."""
        return f"{name}/{self._of_features}"


def rows_of(scores: Mapping[str, Floats], times: Floats, kinds: Sequence[str], ids: Sequence[str]) -> BlockColumns | None:
    """Return the known scores as columns of `shadow`, or None when all are unknown.

    Args:
        scores: Nats by detector, (entities,), NaN for too little experience.
        times: Epoch seconds, (entities,).
        kinds: Kind of each entity, (entities,).
        ids: Id of each entity, (entities,).
    """
    texts: dict[str, list[str]] = {"entity_kind": [], "entity_id": [], "detector": []}
    numbers: dict[str, list[Floats]] = {"time": [], "score": []}
    for detector, nats in scores.items():
        known = np.flatnonzero(~np.isnan(nats))
        texts["entity_kind"] += [kinds[row] for row in known.tolist()]
        texts["entity_id"] += [ids[row] for row in known.tolist()]
        texts["detector"] += [detector] * len(known)
        numbers["time"].append(times[known])
        numbers["score"].append(nats[known])
    return {**texts, **{name: np.concatenate(parts) for name, parts in numbers.items()}} if texts["detector"] else None
