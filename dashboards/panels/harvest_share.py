"""Panel of the feature `harvest_share`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.harvest_share import HarvestShare

panel = FeaturePanel(HarvestShare, title="Shared template, one turn, long answer", unit="percentunit")
