"""Feature `networks_per_request`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import further_per_request


class NetworksPerRequest(Feature):
    """Further client networks per further request."""

    entity = "account"
    family = "network"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Further requests from a new client network"
    unit = SHARE
    rises_on = "rotation through proxies"
    blind_to = "a fixed egress"
    benign_causes = "people who travel"
    value = further_per_request(col.client_network)
