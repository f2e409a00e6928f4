"""Feature `routers_used`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import different


class RoutersUsed(Feature):
    """Different router fingerprints in a day, as ln(1 + x).

    Rises on: keys that were passed around, accounts used through several relays. Blind to: one relay for everything.
    """

    entity = "account"
    family = "client"
    direction = "high"
    limits = (0.0, 5.0)
    value = different(col.router).log()
