"""Feature `asks_reasoning`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import share


class AsksReasoning(Feature):
    """Share of prompts that ask for the steps behind an answer.

    Rises on: elicitation of reasoning traces. Blind to: wordings that the sketch does not know, and reasoning models that need no
    asking. Homework asks the same.
    """

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    value = share(col.asks_reasoning)
