"""Panel of the feature `member_content`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.member_content import MemberContent

panel = FeaturePanel(MemberContent, title="Content of the usual member (nats)", unit="none")
