from __future__ import annotations

import math

from streams.features.group.shared_cards import SharedCards
from streams.testing.feature_trial import group


def test_each_card_that_two_organisations_pay_with_counts() -> None:
    assert group(SharedCards, payment=[7, 7, 8, 8, 9], organization=[1, 2, 3, 4, 5]) == 2


def test_a_sponsor_pays_for_all_teams_with_one_card() -> None:
    assert group(SharedCards, payment=7, organization=[1, 2, 3, 4]) == 1


def test_accounts_of_one_organisation_share_its_cards() -> None:
    assert group(SharedCards, payment=[7, 7, 8, 8], organization=1) == 0


def test_without_a_known_card_it_is_unknown() -> None:
    assert math.isnan(group(SharedCards, payment=0, organization=[1, 2, 3]))
