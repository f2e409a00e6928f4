"""Feature `routers_used`."""

from __future__ import annotations

from streams.features.declaration import LOGARITHMIC, Feature, count_of
from streams.features.expressions import col
from streams.features.readings import different


class RoutersUsed(Feature):
    """Different router fingerprints in a day, as ln(1 + x)."""

    entity = "account"
    family = "client"
    direction = "high"
    limits = (0.0, 5.0)
    label = "Router fingerprints in a day"
    unit = count_of("router fingerprints")
    scale = LOGARITHMIC
    rises_on = "keys that were passed around, and accounts used through several relays"
    blind_to = "one relay for everything"
    value = different(col.router).log()
