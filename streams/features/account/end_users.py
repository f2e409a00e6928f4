"""Feature `end_users`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import different


class EndUsers(Feature):
    """Different end users that the caller names in a day, as ln(1 + x).

    Rises on: pooled accounts, and every honest service that names its users. Blind to: callers that name none.
    """

    entity = "account"
    family = "client"
    direction = "high"
    limits = (0.0, 10.0)
    value = different(col.end_user).log()
