"""Feature `egress_share`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import ratio


class EgressShare(Feature):
    """Output tokens per uncached input token, as ln(1 + x).

    Rises on: reasoning and answer harvesting: short questions, long answers. Blind to: graders, whose answers are tiny (see
    `tiny_answers`), and harvests with long contexts.
    """

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 7.0)
    value = ratio(col.output_tokens, col.uncached_input_tokens).log()
