"""Panel of the feature `single_question`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.single_question import SingleQuestion

panel = FeaturePanel(SingleQuestion, title="Single questions of the whole group", unit="percentunit")
