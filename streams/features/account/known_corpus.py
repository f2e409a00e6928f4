"""Feature `known_corpus`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import share


class KnownCorpus(Feature):
    """Share of prompts found in a public prompt set or benchmark.

    Rises on: replay of seed data sets, and evaluation harnesses just as much: it never speaks alone. Blind to: questions of their
    own, and sets that are not indexed.
    """

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 1.0)
    value = share(col.known_corpus)
