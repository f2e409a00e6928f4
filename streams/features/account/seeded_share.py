"""Feature `seeded_share`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import share


class SeededShare(Feature):
    """Share of requests that set a seed.

    Rises on: seed sweeps and reproducible sampling jobs. Blind to: jobs that leave it out. Tests set seeds too.
    """

    entity = "account"
    family = "parameters"
    direction = "high"
    limits = (0.0, 1.0)
    value = share(col.seeded)
