"""Panel of the feature `one_script`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.one_script import OneScript

panel = FeaturePanel(OneScript, title="Programs with one script")
