"""Feature `stack_spread`."""

from __future__ import annotations

import math

from models.accumulators.short import distinct
from streams.features.declaration import SHARE, Feature
from streams.features.members import Members


class StackSpread(Feature):
    """Different router fingerprints per member, for groups linked by a payment or a template. Shown, without a vote."""

    entity = "group"
    reads_all = True
    family = "client"
    direction = "high"
    limits = (0.0, 1.0)
    label = "Different router fingerprints among members"
    unit = SHARE
    rises_on = "pools that vary their software"
    blind_to = "pools on one stack, which are as low as a company"
    benign_causes = "accounts of unrelated people"

    @staticmethod
    def value(members: Members) -> float:
        """Return different routers per member with a known one, NaN where none is."""
        known = members.links["router"][members.links["router"] != 0]
        return float(len(distinct(known)) / len(known)) if len(known) else math.nan
