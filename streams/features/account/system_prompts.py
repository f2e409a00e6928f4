"""Feature `system_prompts`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import different


class SystemPrompts(Feature):
    """Different system prompts in a day, as ln(1 + x).

    Rises on: pools through which many applications speak. Blind to: relays that put their own in front.
    """

    entity = "account"
    family = "client"
    direction = "high"
    limits = (0.0, 8.0)
    value = different(col.system_template).log()
