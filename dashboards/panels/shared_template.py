"""Panel of the feature `shared_template`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.shared_template import SharedTemplate

panel = FeaturePanel(SharedTemplate, title="One rare template among members (nats)", unit="none")
