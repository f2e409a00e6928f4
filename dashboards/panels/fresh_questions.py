"""Panel of the feature `fresh_questions`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.fresh_questions import FreshQuestions

panel = FeaturePanel(FreshQuestions, title="Single questions without a past", unit="percentunit")
