"""Feature `seeded_share`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import share


class SeededShare(Feature):
    """Share of requests that set a seed."""

    entity = "account"
    family = "parameters"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Requests that set a seed"
    unit = SHARE
    rises_on = "seed sweeps and reproducible sampling jobs"
    blind_to = "jobs without a seed"
    benign_causes = "tests"
    value = share(col.seeded)
