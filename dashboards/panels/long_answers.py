"""Panel of the feature `long_answers`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.long_answers import LongAnswers

panel = FeaturePanel(LongAnswers, title="Length of the usual answer (tokens)", logarithmic=True)
