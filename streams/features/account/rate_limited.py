"""Feature `rate_limited`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import share

TOO_MANY_REQUESTS_STATUS = 429


class RateLimited(Feature):
    """Share of requests refused for their rate (HTTP 429)."""

    entity = "account"
    family = "volume"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Requests refused for their rate (HTTP 429)"
    unit = SHARE
    rises_on = "pools that run into their limits and move on"
    blind_to = "schedulers that know the limit and stay below it"
    value = share((col.status >= TOO_MANY_REQUESTS_STATUS) & (col.status < TOO_MANY_REQUESTS_STATUS + 1))
