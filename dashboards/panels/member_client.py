"""Panel of the feature `member_client`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.member_client import MemberClient

panel = FeaturePanel(MemberClient, title="Clients of the usual member (nats)", unit="none")
