"""Feature `long_answers`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import mean


class LongAnswers(Feature):
    """Tokens of a usual answer, as ln(1 + x): the mean of the logarithms, so however long the longest.

    Rises on: harvests of worked solutions, reasoning traces, essays. Blind to: graders, and harvests that cap the answer.
    """

    entity = "account"
    family = "content"
    direction = "high"
    limits = (0.0, 11.0)
    value = mean(col.output_tokens.log())
