"""Panel of the feature `networks_per_request`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.networks_per_request import NetworksPerRequest

panel = FeaturePanel(NetworksPerRequest, title="Client networks per request", unit="percentunit")
