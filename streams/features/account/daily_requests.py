"""Feature `daily_requests`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import REQUESTS
from streams.features.readings import daily


class DailyRequests(Feature):
    """Requests a day, as ln(1 + x).

    Rises on: bulk use of one account. Blind to: hydra clusters: 25 requests a day are nothing. Honest services are the heaviest
    of all.
    """

    entity = "account"
    family = "volume"
    direction = "high"
    limits = (0.0, 14.0)
    value = daily(REQUESTS).log()
