"""Feature `reasoning_share`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import ratio


class ReasoningShare(Feature):
    """Reasoning tokens per output token, where the log says both."""

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Reasoning tokens among output tokens"
    unit = SHARE
    rises_on = "elicited thinking, where traces are wanted and answers are not"
    blind_to = "models that do not reason, and traces elicited in the visible answer (see `asks_reasoning`)"
    value = ratio(col.reasoning_tokens, col.output_tokens)
