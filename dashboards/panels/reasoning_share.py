"""Panel of the feature `reasoning_share`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.reasoning_share import ReasoningShare

panel = FeaturePanel(ReasoningShare, title="Reasoning per output token", unit="percentunit")
