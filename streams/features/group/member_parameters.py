"""Feature `member_parameters`."""

from __future__ import annotations

from models.evidence.units import trimmed_mean
from streams.features.declaration import Feature
from streams.features.members import Members


class MemberParameters(Feature):
    """How far the usual member stands out in parameters, in nats: the mean of what each would show, without the tenth at either end.

    Rises on: groups whose members all run one kind of job. Blind to: jobs with default parameters.
    """

    entity = "group"
    family = "parameters"
    direction = "high"
    limits = (-1.0, 7.0)

    @staticmethod
    def value(members: Members) -> float:
        """Return the mean over members, in nats, a tenth cut off at both ends."""
        return trimmed_mean(members.family("parameters"))

    @staticmethod
    def nats(value: float) -> float:
        """Return the value: it is in nats already."""
        return value
