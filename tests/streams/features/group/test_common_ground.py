from __future__ import annotations

import math

import pytest

from streams.features.group.common_ground import CommonGround
from streams.testing.feature_trial import group

RARE = math.log(5000)


def test_strangers_in_one_rare_network_have_common_ground() -> None:
    shared = group(CommonGround, organization=[1, 2, 3, 4], subnet=7, subnet_rarity=RARE)
    assert shared == pytest.approx(math.log(50))  # all of them, against a chance of 2 %


def test_what_many_accounts_have_is_no_common_ground() -> None:
    assert group(CommonGround, organization=[1, 2, 3, 4], subnet=7, subnet_rarity=math.log(10)) == 0


def test_the_link_that_made_the_group_does_not_count_again() -> None:
    assert group(CommonGround, kind="template", organization=[1, 2, 3, 4], template=7, template_share=1, template_rarity=RARE) == 0


def test_a_router_of_their_own_says_two_nats_and_a_public_one_nothing() -> None:
    said = [group(CommonGround, kind="router", organization=[1, 2, 3, 4], router=7, router_rarity=rarity) for rarity in (RARE, 1.0)]
    assert said == [2, 0]


def test_one_payer_has_nothing_in_common_with_itself() -> None:
    assert group(CommonGround, organization=1, payment=1, subnet=[7, 7, 7, 7], subnet_rarity=RARE) == 0
