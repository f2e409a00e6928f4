"""Feature `as_spread`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import different


class AsSpread(Feature):
    """Different autonomous systems in a day, as ln(1 + x).

    Rises on: proxy pools and shared accounts. Blind to: pools within one provider.
    """

    entity = "account"
    family = "network"
    direction = "high"
    limits = (0.0, 6.0)
    value = different(col.as_number).log()
