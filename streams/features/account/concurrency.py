"""Feature `concurrency`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import REQUESTS, col
from streams.features.readings import daily, mean


class Concurrency(Feature):
    """Seconds of answering a day, as ln(1 + s): 11.4 is one request always in flight (rate times duration, Little 1961).

    Rises on: one account that many people or workers share. Blind to: light accounts of a large pool.
    """

    entity = "account"
    family = "timing"
    direction = "high"
    limits = (0.0, 16.0)
    value = (daily(REQUESTS) * mean(col.duration)).log()
