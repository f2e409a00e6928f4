"""Panel of the feature `daily_output`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.daily_output import DailyOutput

panel = FeaturePanel(DailyOutput, title="Output tokens a day", logarithmic=True)
