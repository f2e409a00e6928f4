"""Panel of the feature `question_variety`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.question_variety import QuestionVariety

panel = FeaturePanel(QuestionVariety, title="Different questions under few templates", unit="percentunit")
