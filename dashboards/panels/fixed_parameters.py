"""Panel of the feature `fixed_parameters`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.fixed_parameters import FixedParameters

panel = FeaturePanel(FixedParameters, title="Most frequent set of parameters", unit="percentunit")
