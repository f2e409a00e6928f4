"""Feature `long_steps`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.derived import LONG
from streams.features.expressions import col
from streams.features.readings import share


class LongSteps(Feature):
    """Share of requests that offer tools and get 300 tokens or more: steps of a run that are written out.

    Rises on: agentic harvests, whose every step explains itself. Blind to: harvests without tools. A coding agent's steps are
    mostly short, some of them long.
    """

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    value = share((col.tool_count.or_else(0.0) > 0) & (col.output_tokens >= LONG))
