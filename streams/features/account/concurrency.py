"""Feature `concurrency`."""

from __future__ import annotations

from streams.features.declaration import LOGARITHMIC, Feature, Unit
from streams.features.expressions import REQUESTS, col
from streams.features.readings import daily, mean


class Concurrency(Feature):
    """Seconds of answering a day, as ln(1 + s): 11.4 is one request always in flight (rate times duration, Little 1961)."""

    entity = "account"
    family = "timing"
    direction = "high"
    limits = (0.0, 16.0)
    label = "Seconds of answering per day"
    unit = Unit("seconds per day")
    scale = LOGARITHMIC
    rises_on = "one account shared by many people or workers"
    blind_to = "light accounts of a large pool"
    value = (daily(REQUESTS) * mean(col.duration)).log()
