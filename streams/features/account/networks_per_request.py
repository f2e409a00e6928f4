"""Feature `networks_per_request`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import further_per_request


class NetworksPerRequest(Feature):
    """Further client networks per further request.

    Rises on: rotation through proxies. Blind to: a fixed egress. People who travel roam a little.
    """

    entity = "account"
    family = "network"
    direction = "high"
    limits = (0.0, 1.0)
    value = further_per_request(col.client_network)
