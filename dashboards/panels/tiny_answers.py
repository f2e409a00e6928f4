"""Panel of the feature `tiny_answers`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.tiny_answers import TinyAnswers

panel = FeaturePanel(TinyAnswers, title="Shared template, tiny answer", unit="percentunit")
