"""Panel of the feature `release_pivot`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.release_pivot import ReleasePivot

panel = FeaturePanel(ReleasePivot, title="Requests to a newly released model (share)", unit="percentunit")
