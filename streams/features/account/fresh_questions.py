"""Feature `fresh_questions`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import share


class FreshQuestions(Feature):
    """Share of requests that are one question without a past: no history that was served here, nothing of the prompt cached."""

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Requests that are one question without history"
    unit = SHARE
    rises_on = "job queues of independent questions"
    blind_to = "agentic harvests"
    benign_causes = "a search box in an application"
    value = share((col.fresh > 0) & (col.cached_tokens.or_else(0.0) <= 0))
