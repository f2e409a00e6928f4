"""Panel of the feature `job_partition`."""

from __future__ import annotations

from dashboards.panel import FeaturePanel
from streams.features.group.job_partition import JobPartition

panel = FeaturePanel(JobPartition, title="Different prompts among those sampled (share)", unit="percentunit")
