"""Panel of the feature `card_concentration`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.card_concentration import CardConcentration

panel = FeaturePanel(CardConcentration, title="Members on the most frequent payment", unit="percentunit")
