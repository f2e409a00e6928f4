"""Panel of the feature `egress_share`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.egress_share import EgressShare

panel = FeaturePanel(EgressShare, title="Output per uncached input token", logarithmic=True)
