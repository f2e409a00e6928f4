"""Feature `sdk_versions`."""

from __future__ import annotations

from streams.features.declaration import LOGARITHMIC, Feature, count_of
from streams.features.expressions import col
from streams.features.readings import different


class SdkVersions(Feature):
    """Different client versions in a day (SDK, runtime, user agent together), as ln(1 + x)."""

    entity = "account"
    family = "client"
    direction = "high"
    limits = (0.0, 6.0)
    label = "Client versions in a day"
    unit = count_of("client versions")
    scale = LOGARITHMIC
    rises_on = "an account shared by many people through a relay that passes their clients on"
    blind_to = "relays that rewrite the client"
    value = different(col.client_version).log()
