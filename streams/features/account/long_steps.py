"""Feature `long_steps`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.derived import LONG_ANSWER_TOKENS
from streams.features.expressions import col
from streams.features.readings import share


class LongSteps(Feature):
    """Share of requests that offer tools and get 300 tokens or more: steps of a run that are written out."""

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Requests that offer tools and get 300 tokens or more"
    unit = SHARE
    rises_on = "agentic harvests, whose every step explains itself"
    blind_to = "harvests without tools"
    benign_causes = "coding agents, some of whose steps are long"
    value = share((col.tool_count.or_else(0.0) > 0) & (col.output_tokens >= LONG_ANSWER_TOKENS[1]))
