"""Panel of the feature `as_spread`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.as_spread import AsSpread

panel = FeaturePanel(AsSpread, title="Autonomous systems in a day", logarithmic=True)
