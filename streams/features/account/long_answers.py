"""Feature `long_answers`."""

from __future__ import annotations

from streams.features.declaration import LOGARITHMIC, Feature, Unit
from streams.features.expressions import col
from streams.features.readings import mean


class LongAnswers(Feature):
    """Tokens of a usual answer, as ln(1 + x): the mean of the logarithms, so however long the longest."""

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 11.0)
    label = "Length of a typical answer"
    unit = Unit("tokens", " tokens")
    scale = LOGARITHMIC
    rises_on = "harvests of worked solutions, reasoning traces and essays"
    blind_to = "graders, and harvests that cap the answer"
    value = mean(col.output_tokens.log())
