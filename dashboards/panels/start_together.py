"""Panel of the feature `start_together`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.start_together import StartTogether

panel = FeaturePanel(StartTogether, title="First requests within one hour", unit="percentunit")
