"""Panel of the feature `hosting_share`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.hosting_share import HostingShare

panel = FeaturePanel(HostingShare, title="From hosting or VPN networks", unit="percentunit")
