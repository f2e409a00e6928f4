"""Feature `card_sharing`."""

from __future__ import annotations

import math

from streams.features.declaration import Feature, count_of
from streams.features.members import Members

ORGANISATION_NATS = 3.0
"""Nats of each organisation beyond the first on one card."""
MAX_ORGANISATIONS = 50.0


class CardSharing(Feature):
    """Organisations that pay with a card another organisation of the group pays with too."""

    entity = "group"
    family = "payment"
    direction = "high"
    limits = (0.0, MAX_ORGANISATIONS)
    label = "Organisations beyond the first on one card"
    unit = count_of("organisations")
    rises_on = "one payer behind many organisations"
    blind_to = "own cards, gift cards, and accounts under one organisation"

    @staticmethod
    def value(members: Members) -> float:
        """Return the organisations beyond the first on every card, summed; NaN where no card is known."""
        if not len(members.organisations_by_card):
            return math.nan
        return float(min((members.organisations_by_card - 1).sum(), MAX_ORGANISATIONS))

    @staticmethod
    def nats(value: float) -> float:
        """Return three nats for each."""
        return ORGANISATION_NATS * value
