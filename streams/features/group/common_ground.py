"""Feature `common_ground`."""

from __future__ import annotations

import math

from models.evidence.links import MIN_PAYERS
from streams.features.declaration import NATS, Feature, value_in_nats
from streams.features.members import Members
from streams.features.shared_links import MAX_SHARED_NATS, common_ground


class CommonGround(Feature):
    """What the payers of a group share beside the link that made it one, in nats: router, template, network, tools."""

    entity = "group"
    family = "link"
    direction = "high"
    limits = (0.0, MAX_SHARED_NATS)
    label = "Traits shared beside the link that made the group"
    unit = NATS
    rises_on = "one operator behind many payers"
    blind_to = "pools whose accounts share one trait only"
    benign_causes = "groups that work in one place or with one program"
    nats = value_in_nats

    @staticmethod
    def value(members: Members) -> float:
        """Return the divergence of what is shared from what chance would share, summed over kinds of link, in nats a payer.

        NaN where no router, template, network or tools are known.
        """
        if not any(members.links[kind].any() for kind in MIN_PAYERS):
            return math.nan
        return common_ground(members)
