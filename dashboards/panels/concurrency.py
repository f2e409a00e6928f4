"""Panel of the feature `concurrency`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.concurrency import Concurrency

panel = FeaturePanel(Concurrency, title="Seconds of answering a day", unit="s", logarithmic=True)
