"""Feature `indicator_matches`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import share
from streams.schema.indicators import NO_INDICATOR


class IndicatorMatches(Feature):
    """Share of requests that match an indicator which others shared: software, payment, or wording that they saw in a campaign."""

    entity = "account"
    family = "indicator"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Requests that match an indicator of others"
    unit = SHARE
    rises_on = "campaigns that bring the same tools, cards or wording from one provider to the next"
    blind_to = "campaigns that no partner has shared, and tools that were changed since"
    benign_causes = "indicators that are too common, and customers who use the same software honestly"
    value = share(col.indicator.is_(NO_INDICATOR) < 1)
