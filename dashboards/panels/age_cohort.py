"""Panel of the feature `age_cohort`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.age_cohort import AgeCohort

panel = FeaturePanel(AgeCohort, title="Made in one batch (nats)", unit="none")
