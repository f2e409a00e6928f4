"""Feature `shared_cards`."""

from __future__ import annotations

import math

from streams.features.declaration import Feature, count_of
from streams.features.members import Members

MAX_CARDS = 50.0


class SharedCards(Feature):
    """Cards of the group that pay for several organisations each.

    Shown, without a vote (`card_sharing` has it): a sponsor pays for many teams, an agency for its clients, with one card. Several
    such cards are dealt out over accounts by somebody who runs them (`attribution.has_dealt_cards`).
    """

    entity = "group"
    family = "payment"
    direction = "high"
    limits = (0.0, MAX_CARDS)
    label = "Cards that pay for several organisations"
    unit = count_of("cards")
    rises_on = "pools whose accounts are bought with a few cards"
    blind_to = "own cards, gift cards, and pools with one card"
    benign_causes = "a sponsor of many teams, and an agency for its clients"

    @staticmethod
    def value(members: Members) -> float:
        """Return the number of cards with more than one organisation; NaN where no card is known."""
        if not len(members.organisations_by_card):
            return math.nan
        return float(min((members.organisations_by_card > 1).sum(), MAX_CARDS))
