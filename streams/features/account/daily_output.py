"""Feature `daily_output`."""

from __future__ import annotations

from streams.features.declaration import LOGARITHMIC, Feature, Unit
from streams.features.expressions import col
from streams.features.readings import daily


class DailyOutput(Feature):
    """Output tokens a day, as ln(1 + x)."""

    entity = "account"
    family = "volume"
    direction = "high"
    limits = (0.0, 21.0)
    label = "Output tokens per day"
    unit = Unit("tokens per day")
    scale = LOGARITHMIC
    rises_on = "bulk output from one account"
    blind_to = "campaigns spread over many light accounts, and graders"
    value = daily(col.output_tokens).log()
