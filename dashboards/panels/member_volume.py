"""Panel of the feature `member_volume`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.member_volume import MemberVolume

panel = FeaturePanel(MemberVolume, title="Volume of the usual member (nats)", unit="none")
