"""Panel of the feature `gap_regularity`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.gap_regularity import GapRegularity

panel = FeaturePanel(GapRegularity, title="Irregularity of the gaps (low stands out)")
