"""Feature `asks_grading`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import share


class AsksGrading(Feature):
    """Share of prompts that ask to score, rank or compare answers.

    Rises on: use as a reward model: rubrics, pairs, numbers. Blind to: wordings that the sketch does not know. Evaluation teams
    ask the same.
    """

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    value = share(col.asks_grading)
