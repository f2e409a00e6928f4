"""Feature `hosting_share`."""

from __future__ import annotations

from streams.features.declaration import SHARE, Feature
from streams.features.expressions import col
from streams.features.readings import share


class HostingShare(Feature):
    """Share of requests from hosting or VPN networks."""

    entity = "account"
    family = "network"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Requests from hosting or VPN networks"
    unit = SHARE
    rises_on = "relays and jobs in rented machines"
    blind_to = "residential proxies"
    benign_causes = "honest services, which run there too"
    value = share(col.as_type.is_("hosting", "vpn"))
