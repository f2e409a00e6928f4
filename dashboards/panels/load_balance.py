"""Panel of the feature `load_balance`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.load_balance import LoadBalance

panel = FeaturePanel(LoadBalance, title="Load-balance index (1 is independent)", unit="none")
