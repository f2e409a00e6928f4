"""Panel of the feature `seeded_share`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.seeded_share import SeededShare

panel = FeaturePanel(SeededShare, title="Requests with a seed", unit="percentunit")
