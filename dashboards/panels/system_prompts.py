"""Panel of the feature `system_prompts`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.account.system_prompts import SystemPrompts

panel = FeaturePanel(SystemPrompts, title="System prompts in a day", logarithmic=True)
