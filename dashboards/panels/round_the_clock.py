"""Panel of the feature `round_the_clock`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.round_the_clock import RoundTheClock

panel = FeaturePanel(RoundTheClock, title="How flat the day is", unit="percentunit")
