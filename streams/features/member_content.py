"""Feature `member_content`."""

from __future__ import annotations

from models.units import trimmed_mean
from streams.feature import Feature
from streams.pipeline.members import Members


class MemberContent(Feature):
    """How far the usual member stands out in content, in nats: the mean of what each would show, without the tenth at either end.

    Rises on: groups whose every member looks like a harvest. Blind to: pools in which each member does too little to show (see
    `shared_template`).
    """

    entity = "group"
    family = "content"
    direction = "high"
    limits = (-1.0, 7.0)

    @staticmethod
    def value(members: Members) -> float:
        """Return the mean over members, in nats, a tenth cut off at both ends."""
        return trimmed_mean(members.family("content"))

    @staticmethod
    def nats(value: float) -> float:
        """Return the value: it is in nats already."""
        return value
