"""Feature `purposeful_share`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import mean


class PurposefulShare(Feature):
    """How much of what the account asks is what is harvested: see `derived.purposeful`, 0..1 for each request."""

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Requests for what is harvested"
    unit = SHARE
    rises_on = "long answers to single questions, grades, token probabilities, several answers at once, calls in a fixed schema"
    blind_to = "harvests with short answers, and those in real conversations"
    benign_causes = "jobs that write long texts"
    value = mean(col.purposeful)
