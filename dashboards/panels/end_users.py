"""Panel of the feature `end_users`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.end_users import EndUsers

panel = FeaturePanel(EndUsers, title="End users in a day", logarithmic=True)
