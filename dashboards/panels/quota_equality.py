"""Panel of the feature `quota_equality`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.quota_equality import QuotaEquality

panel = FeaturePanel(QuotaEquality, title="Equality of quotas", unit="percentunit")
