"""Panel of the feature `logprob_use`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.logprob_use import LogprobUse

panel = FeaturePanel(LogprobUse, title="Asks for probabilities or several answers", unit="percentunit")
