"""Feature `end_users`."""

from __future__ import annotations

from streams.features.declaration import LOGARITHMIC, Feature, count_of
from streams.features.expressions import col
from streams.features.readings import different


class EndUsers(Feature):
    """Different end users that the caller names in a day, as ln(1 + x)."""

    entity = "account"
    family = "client"
    direction = "high"
    limits = (0.0, 10.0)
    label = "End users named in a day"
    unit = count_of("end users")
    scale = LOGARITHMIC
    rises_on = "pooled accounts"
    blind_to = "callers that name no end users"
    benign_causes = "every honest service that names its users"
    value = different(col.end_user).log()
