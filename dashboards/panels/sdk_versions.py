"""Panel of the feature `sdk_versions`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.sdk_versions import SdkVersions

panel = FeaturePanel(SdkVersions, title="Client versions in a day", logarithmic=True)
