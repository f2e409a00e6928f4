"""Feature `daily_output`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import daily


class DailyOutput(Feature):
    """Output tokens a day, as ln(1 + x).

    Rises on: bulk egress of one account. Blind to: hydra clusters, and graders.
    """

    entity = "account"
    family = "volume"
    direction = "high"
    limits = (0.0, 21.0)
    value = daily(col.output_tokens).log()
