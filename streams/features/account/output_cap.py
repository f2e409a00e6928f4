"""Feature `output_cap`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import share


class OutputCap(Feature):
    """Share of answers cut off at the token limit."""

    entity = "account"
    family = "parameters"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Answers cut off at the token limit"
    unit = SHARE
    rises_on = "jobs that take as much as they may"
    blind_to = "jobs with room to spare"
    value = share(col.finish_reason.is_("length", "max_tokens", "MAX_TOKENS", "model_length", "incomplete"))
