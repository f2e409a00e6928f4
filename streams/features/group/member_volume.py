"""Feature `member_volume`."""

from __future__ import annotations

from models.evidence.units import trimmed_mean
from streams.features.declaration import Feature
from streams.features.members import Members


class MemberVolume(Feature):
    """How far the usual member stands out in volume, in nats: the mean of what each would show, without the tenth at either end.

    Rises on: groups of heavy accounts. Blind to: hydra clusters of light ones.
    """

    entity = "group"
    family = "volume"
    direction = "high"
    limits = (-1.0, 7.0)

    @staticmethod
    def value(members: Members) -> float:
        """Return the mean over members, in nats, a tenth cut off at both ends."""
        return trimmed_mean(members.family("volume"))

    @staticmethod
    def nats(value: float) -> float:
        """Return the value: it is in nats already."""
        return value
