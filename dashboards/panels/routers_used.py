"""Panel of the feature `routers_used`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.routers_used import RoutersUsed

panel = FeaturePanel(RoutersUsed, title="Router fingerprints in a day", logarithmic=True)
