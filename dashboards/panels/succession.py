"""Panel of the feature `succession`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.succession import Succession

panel = FeaturePanel(Succession, title="Followers after a stop (nats)", unit="none")
