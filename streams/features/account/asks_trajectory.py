"""Feature `asks_trajectory`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import share


class AsksTrajectory(Feature):
    """Share of prompts that ask for a whole agent run: plan, tool calls, observations.

    Rises on: agentic harvests: runs written down for training, without tools that act. Blind to: runs harvested through real tool
    loops.
    """

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    value = share(col.asks_trajectory)
