"""Feature `asks_trajectory`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import share


class AsksTrajectory(Feature):
    """Share of prompts that ask for a whole agent run: plan, tool calls, observations."""

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Prompts that ask for a whole agent run"
    unit = SHARE
    rises_on = "agent runs written down for training, without tools that act"
    blind_to = "runs harvested through real tool loops"
    value = share(col.asks_trajectory)
