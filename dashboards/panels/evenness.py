"""Panel of the feature `evenness`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.evenness import Evenness

panel = FeaturePanel(Evenness, title="Dispatcher against people (nats)", unit="none")
