"""Panel of the feature `shared_cards`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.shared_cards import SharedCards

panel = FeaturePanel(SharedCards, title="Cards that pay for several organisations")
