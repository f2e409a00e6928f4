"""Panel of the feature `common_ground`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.common_ground import CommonGround

panel = FeaturePanel(CommonGround, title="Common ground beside the link (nats)")
