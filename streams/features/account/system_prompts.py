"""Feature `system_prompts`."""

from __future__ import annotations

from streams.features.declaration import LOGARITHMIC, Feature, count_of
from streams.features.expressions import col
from streams.features.readings import different


class SystemPrompts(Feature):
    """Different system prompts in a day, as ln(1 + x)."""

    entity = "account"
    family = "client"
    direction = "high"
    limits = (0.0, 8.0)
    label = "System prompts in a day"
    unit = count_of("system prompts")
    scale = LOGARITHMIC
    rises_on = "pools used by many applications"
    blind_to = "relays that put their own system prompt in front"
    value = different(col.system_template).log()
