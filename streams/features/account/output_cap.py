"""Feature `output_cap`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import share


class OutputCap(Feature):
    """Share of answers cut off at the token limit.

    Rises on: jobs that take as much as they may. Blind to: jobs with room to spare.
    """

    entity = "account"
    family = "parameters"
    direction = "high"
    limits = (0.0, 1.0)
    value = share(col.finish_reason.is_("length", "max_tokens", "MAX_TOKENS", "model_length", "incomplete"))
