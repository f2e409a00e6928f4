"""Feature `member_network`."""

from __future__ import annotations

from models.evidence.units import trimmed_mean
from streams.features.declaration import Feature
from streams.features.members import Members


class MemberNetwork(Feature):
    """How far the usual member stands out in network, in nats: the mean of what each would show, without the tenth at either end.

    Rises on: groups whose members all rotate through proxies or sit in rented machines. Blind to: residential exits that stay.
    """

    entity = "group"
    family = "network"
    direction = "high"
    limits = (-1.0, 7.0)

    @staticmethod
    def value(members: Members) -> float:
        """Return the mean over members, in nats, a tenth cut off at both ends."""
        return trimmed_mean(members.family("network"))

    @staticmethod
    def nats(value: float) -> float:
        """Return the value: it is in nats already."""
        return value
