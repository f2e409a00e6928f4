"""Feature `stack_mismatch`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.expressions import col
from streams.features.readings import mean


class StackMismatch(Feature):
    """How unusual connection and headers are for what the client claims to be, in nats: -ln of the share of accounts that show the same.

    The claim is the user agent's product with the SDK's language and runtime, no versions. The less unusual of connection (JA4's first
    part, HTTP version) and head (header order, accept-encoding) counts: an upgrade changes one of them, a proxy that opens TLS the other.

    Rises on: relays that borrow a known client's name and SDK fields, and speak as they themselves do. Blind to: relays under their own
    name, or so large that most who claim that client come through them; logs without JA4 or header names.
    """

    entity = "account"
    family = "client"
    direction = "high"
    limits = (0.0, 7.0)
    value = mean(col.claim_misfit)
