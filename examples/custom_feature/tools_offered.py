"""Feature `tools_offered`, in a package of its own."""

from __future__ import annotations

from streams.features.declaration import LOGARITHMIC, Feature, Unit
from streams.features.expressions import col
from streams.features.readings import mean


class ToolsOffered(Feature):
    """The mean of ln(1 + tools) over requests, a request without tools counted as 0."""

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 6.0)
    label = "Tools offered per request"
    unit = Unit("tools per request")
    scale = LOGARITHMIC
    rises_on = "agentic harvests, which carry the same set of tools in every request"
    blind_to = "harvests without tools"
    benign_causes = "coding agents"
    value = mean(col.tool_count.or_else(0.0).log())
