from __future__ import annotations

from streams.features.group.card_sharing import CardSharing
from streams.testing.feature_trial import group


def test_three_organisations_on_one_card() -> None:
    assert group(CardSharing, payment=7, organization=[1, 2, 3]) == 2


def test_an_enterprise_pays_for_all_its_accounts() -> None:
    assert group(CardSharing, payment=7, organization=[1, 1, 1]) == 0


def test_own_cards() -> None:
    assert group(CardSharing, payment=[7, 8, 9], organization=[1, 2, 3]) == 0


def test_three_nats_for_each_that_should_not_be_there() -> None:
    assert CardSharing.nats(2.0) == 6
