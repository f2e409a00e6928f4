"""Feature `logprob_use`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import share


class LogprobUse(Feature):
    """Share of requests for token probabilities or for several answers at once; unknown where the log has no request parameters.

    Rises on: harvests of logits, best-of-n sampling. Blind to: plain sampling. Evaluation harnesses use probabilities too.
    """

    entity = "account"
    family = "parameters"
    direction = "high"
    limits = (0.0, 1.0)
    value = share((col.top_logprobs.or_else(0.0) + col.choice_count.or_else(1.0) > 1) & (col.seeded >= 0))
