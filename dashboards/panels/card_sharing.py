"""Panel of the feature `card_sharing`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.card_sharing import CardSharing

panel = FeaturePanel(CardSharing, title="Extra organisations on a card")
