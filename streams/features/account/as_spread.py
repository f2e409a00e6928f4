"""Feature `as_spread`."""

from __future__ import annotations

from streams.features.declaration import LOGARITHMIC, Feature, count_of
from streams.features.expressions import col
from streams.features.readings import different


class AsSpread(Feature):
    """Different autonomous systems in a day, as ln(1 + x)."""

    entity = "account"
    family = "network"
    direction = "high"
    limits = (0.0, 6.0)
    label = "Autonomous systems in a day"
    unit = count_of("autonomous systems")
    scale = LOGARITHMIC
    rises_on = "proxy pools and shared accounts"
    blind_to = "pools within one provider"
    value = different(col.as_number).log()
