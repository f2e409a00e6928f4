"""Feature `common_ground`."""

from __future__ import annotations

from streams.features.declaration import Feature
from streams.features.members import Members
from streams.features.shared_links import common_ground


class CommonGround(Feature):
    """What the payers of a group share beside the link that made it one, in nats: router, template, network, tools (`pipeline/links.py`).

    Rises on: one party behind many payers, and on any group that works in one place or with one program. Blind to: pools whose
    accounts share one thing only.
    """

    entity = "group"
    family = "link"
    direction = "high"
    limits = (0.0, 50.0)

    @staticmethod
    def value(members: Members) -> float:
        """Return the divergence of what is shared from what chance would share, summed over kinds of link, in nats a payer."""
        return common_ground(members)

    @staticmethod
    def nats(value: float) -> float:
        """Return the value: it is in nats already."""
        return value
