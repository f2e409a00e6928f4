"""Panel of the feature `stack_mismatch`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.stack_mismatch import StackMismatch

panel = FeaturePanel(StackMismatch, title="Client unlike what it claims to be (nats)", unit="none")
