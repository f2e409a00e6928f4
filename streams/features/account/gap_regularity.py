"""Feature `gap_regularity`."""

from __future__ import annotations

from streams.features.declaration import Feature, Unit
from streams.features.expressions import col
from streams.features.readings import deviation


class GapRegularity(Feature):
    """How uneven the pauses between requests are: the deviation of ln(1 + seconds), low is regular. Real clients lie far above 1."""

    entity = "account"
    family = "timing"
    direction = "low"
    limits = (0.0, 5.0)
    label = "Irregularity of the pauses between requests"
    unit = Unit("deviation of ln(1 + seconds)")
    rises_on = "pacing by a scheduler"
    blind_to = "jitter that imitates people"
    value = deviation(col.gap.log())
