"""Feature `fixed_parameters`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import top_share


class FixedParameters(Feature):
    """Share of requests with the most frequent set of temperature, top-p, token limit, seed and streaming."""

    entity = "account"
    family = "parameters"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Requests with the most frequent set of parameters"
    unit = SHARE
    rises_on = "one job with one set of parameters"
    blind_to = "jobs that vary them"
    benign_causes = "most programs, which have one set"
    value = top_share(col.parameters)
