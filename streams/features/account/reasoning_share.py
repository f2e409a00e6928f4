"""Feature `reasoning_share`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import ratio


class ReasoningShare(Feature):
    """Reasoning tokens per output token, where the log says both.

    Rises on: coerced thinking: traces are wanted, answers are not. Blind to: models that do not reason, and traces elicited in
    the visible answer (see `asks_reasoning`).
    """

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    value = ratio(col.reasoning_tokens, col.output_tokens)
