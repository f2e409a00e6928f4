"""Panel of the feature `member_network`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.member_network import MemberNetwork

panel = FeaturePanel(MemberNetwork, title="Network of the usual member (nats)", unit="none")
