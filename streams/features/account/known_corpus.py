"""Feature `known_corpus`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import share


class KnownCorpus(Feature):
    """Share of prompts found in a public prompt set or benchmark."""

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Prompts found in a public prompt set or benchmark"
    unit = SHARE
    rises_on = "replay of seed data sets"
    blind_to = "prompts of the operator's own, and sets that are not indexed"
    benign_causes = "evaluation harnesses"
    value = share(col.known_corpus)
