"""Panel of the feature `asks_reasoning`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.asks_reasoning import AsksReasoning

panel = FeaturePanel(AsksReasoning, title="Prompts that ask for the steps", unit="percentunit")
