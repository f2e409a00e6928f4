"""Panel of the feature `daily_requests`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.daily_requests import DailyRequests

panel = FeaturePanel(DailyRequests, title="Requests a day", logarithmic=True)
