"""Panel of the feature `asks_trajectory`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.asks_trajectory import AsksTrajectory

panel = FeaturePanel(AsksTrajectory, title="Prompts that ask for a whole agent run", unit="percentunit")
