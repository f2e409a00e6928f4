"""Panel of the feature `member_change`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.member_change import MemberChange

panel = FeaturePanel(MemberChange, title="Change of the usual member (nats)", unit="none")
