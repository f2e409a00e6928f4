"""Panel of the feature `networks_per_request`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.networks_per_request import NetworksPerRequest

panel = FeaturePanel(NetworksPerRequest, title="Client networks per request", unit="percentunit")
