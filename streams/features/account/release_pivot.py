"""Feature `release_pivot`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import share


class ReleasePivot(Feature):
    """Share of requests that go to a model which came out within the last three days (`models/evidence/releases.py`)."""

    entity = "account"
    family = "change"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Requests to a model released within three days"
    unit = SHARE
    rises_on = "campaigns that move to a new model at once"
    blind_to = "harvests that stay with the old model"
    benign_causes = "enthusiasts: what is usual is learned while they move"
    value = share(col.new_model)
