"""Feature `asks_grading`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import share


class AsksGrading(Feature):
    """Share of prompts that ask to score, rank or compare answers."""

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Prompts that ask to score, rank or compare answers"
    unit = SHARE
    rises_on = "use as a reward model"
    blind_to = "wordings that the sketch does not know"
    benign_causes = "evaluation teams"
    value = share(col.asks_grading)
