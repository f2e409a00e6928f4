"""Panel of the feature `member_parameters`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.member_parameters import MemberParameters

panel = FeaturePanel(MemberParameters, title="Parameters of the usual member (nats)", unit="none")
