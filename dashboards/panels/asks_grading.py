"""Panel of the feature `asks_grading`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.asks_grading import AsksGrading

panel = FeaturePanel(AsksGrading, title="Prompts that ask to grade", unit="percentunit")
