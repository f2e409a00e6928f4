"""Panel of the feature `rate_limited`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.rate_limited import RateLimited

panel = FeaturePanel(RateLimited, title="Refused for their rate", unit="percentunit")
