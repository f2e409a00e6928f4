"""Feature `egress_share`."""

from __future__ import annotations

from streams.features.declaration import LOGARITHMIC, Feature, Unit
from streams.features.expressions import col
from streams.features.readings import ratio


class EgressShare(Feature):
    """Output tokens per uncached input token, as ln(1 + x)."""

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 7.0)
    label = "Output tokens per uncached input token"
    unit = Unit("output tokens per input token")
    scale = LOGARITHMIC
    rises_on = "harvests with short questions and long answers"
    blind_to = "graders, whose answers are tiny (see `tiny_answers`), and harvests with long contexts"
    value = ratio(col.output_tokens, col.uncached_input_tokens).log()
