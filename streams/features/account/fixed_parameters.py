"""Feature `fixed_parameters`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import top_share


class FixedParameters(Feature):
    """Share of requests with the most frequent set of temperature, top-p, token limit, seed and streaming.

    Rises on: one job with one set of parameters. Blind to: jobs that vary them; and most programs have one set.
    """

    entity = "account"
    family = "parameters"
    direction = "high"
    limits = (0.0, 1.0)
    value = top_share(col.parameters)
