from __future__ import annotations

import pytest

from streams.features.card_concentration import CardConcentration
from streams.trial import group


def test_two_of_three_share_a_card() -> None:
    assert group(CardConcentration, payment=[7, 7, 8]) == pytest.approx(2 / 3)


def test_unknown_payments_are_left_out() -> None:
    assert group(CardConcentration, payment=[7, 0, 0]) == 1
