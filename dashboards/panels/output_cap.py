"""Panel of the feature `output_cap`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.output_cap import OutputCap

panel = FeaturePanel(OutputCap, title="Answers cut off at the limit", unit="percentunit")
