"""Feature `hosting_share`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import share


class HostingShare(Feature):
    """Share of requests from hosting or VPN networks.

    Rises on: relays and jobs in rented machines, which is where honest services run too. Blind to: residential proxies.
    """

    entity = "account"
    family = "network"
    direction = "high"
    limits = (0.0, 1.0)
    value = share(col.as_type.is_("hosting", "vpn"))
