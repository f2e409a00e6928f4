"""Feature `asks_reasoning`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import share


class AsksReasoning(Feature):
    """Share of prompts that ask for the steps behind an answer."""

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Prompts that ask for the steps behind an answer"
    unit = SHARE
    rises_on = "elicitation of reasoning traces"
    blind_to = "wordings that the sketch does not know, and reasoning models, which need no asking"
    benign_causes = "homework"
    value = share(col.asks_reasoning)
