"""Feature `daily_requests`."""

from __future__ import annotations

from streams.features.declaration import LOGARITHMIC, Feature, Unit
from streams.features.expressions import REQUESTS
from streams.features.readings import daily


class DailyRequests(Feature):
    """Requests a day, as ln(1 + x)."""

    entity = "account"
    family = "volume"
    direction = "high"
    limits = (0.0, 14.0)
    label = "Requests per day"
    unit = Unit("requests per day")
    scale = LOGARITHMIC
    rises_on = "bulk use of one account"
    blind_to = "campaigns spread over many light accounts"
    benign_causes = "honest services, the heaviest accounts of all"
    value = daily(REQUESTS).log()
