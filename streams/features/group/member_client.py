"""Feature `member_client`."""

from __future__ import annotations

from models.evidence.units import trimmed_mean
from streams.features.declaration import Feature
from streams.features.members import Members


class MemberClient(Feature):
    """How far the usual member stands out in client, in nats: the mean of what each would show, without the tenth at either end.

    Rises on: groups whose members each carry many clients: resellers and pools. Blind to: relays that rewrite the client to one.
    """

    entity = "group"
    family = "client"
    direction = "high"
    limits = (-1.0, 7.0)

    @staticmethod
    def value(members: Members) -> float:
        """Return the mean over members, in nats, a tenth cut off at both ends."""
        return trimmed_mean(members.family("client"))

    @staticmethod
    def nats(value: float) -> float:
        """Return the value: it is in nats already."""
        return value
