"""Feature `sdk_versions`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import different


class SdkVersions(Feature):
    """Different client versions in a day (SDK, runtime, user agent together), as ln(1 + x).

    Rises on: an account that many people share through a relay that passes their clients on. Blind to: relays that rewrite the
    client to one.
    """

    entity = "account"
    family = "client"
    direction = "high"
    limits = (0.0, 6.0)
    value = different(col.client_version).log()
