"""Feature `release_pivot`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import share


class ReleasePivot(Feature):
    """Share of requests that go to a model which came out within the last three days (`models/evidence/releases.py`).

    Rises on: campaigns that move to a new model at once. Blind to: harvests that stay with the old one. Enthusiasts move too: what is
    ordinary is learned while they do.
    """

    entity = "account"
    family = "change"
    direction = "high"
    limits = (0.0, 1.0)
    value = share(col.new_model)
