"""Panel of the feature `long_steps`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.long_steps import LongSteps

panel = FeaturePanel(LongSteps, title="Written-out steps with tools (share)")
