"""Panel of the feature `stack_spread`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.stack_spread import StackSpread

panel = FeaturePanel(StackSpread, title="Router fingerprints per member", unit="percentunit")
