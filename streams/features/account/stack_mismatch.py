"""Feature `stack_mismatch`."""

from __future__ import annotations

from streams.features.declaration import NATS, Feature
from streams.features.expressions import col
from streams.features.readings import weighted


class StackMismatch(Feature):
    """How unusual connection and headers are for what the client claims to be, in nats: -ln of the share of accounts that show the same.

    It counts as far as that share is known: half where ten accounts have voted on the claim. The claim is the user agent's product with
    the SDK's language and runtime, no versions. The less unusual of connection (JA4's first part, HTTP version) and head (header order,
    accept-encoding) counts: an upgrade changes one of them, a proxy that opens TLS the other.
    """

    entity = "account"
    family = "client"
    direction = "high"
    limits = (0.0, 7.0)
    label = "Client unlike what it claims to be"
    unit = NATS
    rises_on = "relays that borrow a known client's name and keep their own connection and headers"
    blind_to = "relays under their own name, very large relays, and logs without JA4 or header names"
    value = weighted(col.claim_misfit, by=col.claim_known)
