"""Panel of the feature `member_timing`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.member_timing import MemberTiming

panel = FeaturePanel(MemberTiming, title="Timing of the usual member (nats)", unit="none")
