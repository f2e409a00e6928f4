"""Panel of the feature `account_age`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.account_age import AccountAge

panel = FeaturePanel(AccountAge, title="Age of the account (low stands out)", unit="d", logarithmic=True)
