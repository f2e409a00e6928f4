"""Feature `gap_regularity`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import deviation


class GapRegularity(Feature):
    """How uneven the pauses between requests are: the deviation of ln(1 + seconds), low is regular. Real clients lie far above 1.

    Rises on: pacing by a scheduler (it falls: low is what stands out). Blind to: jitter drawn from what people do.
    """

    entity = "account"
    family = "timing"
    direction = "low"
    limits = (0.0, 5.0)
    value = deviation(col.gap.log())
