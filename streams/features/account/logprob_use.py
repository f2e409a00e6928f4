"""Feature `logprob_use`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import share


class LogprobUse(Feature):
    """Share of requests for token probabilities or for several answers at once; unknown where the log has no request parameters."""

    entity = "account"
    family = "parameters"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Requests for token probabilities or several answers at once"
    unit = SHARE
    rises_on = "harvests of logits, and best-of-n sampling"
    blind_to = "plain sampling, and logs without request parameters"
    benign_causes = "evaluation harnesses"
    value = share((col.top_logprobs.or_else(0.0) + col.choice_count.or_else(1.0) > 1) & (col.seeded >= 0))
