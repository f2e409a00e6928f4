from __future__ import annotations

from math import nan

import pytest

from streams.features.declaration import Feature
from streams.features.group.member import FEATURES
from streams.testing.feature_trial import group

each = pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name())


def test_there_is_one_for_every_family_that_accounts_show_but_content() -> None:
    names = ["member_change", "member_client", "member_network", "member_parameters", "member_timing", "member_volume"]
    assert [feature.name() for feature in FEATURES] == names


@each
def test_the_typical_member_decides_and_not_the_one_that_stands_out(feature: type[Feature]) -> None:
    assert group(feature, **{feature.family: [1] * 9 + [7]}) == 1


@each
def test_members_of_whom_nothing_is_known_do_not_count(feature: type[Feature]) -> None:
    assert group(feature, **{feature.family: [2, nan, 4]}) == 3


@each
def test_the_evidence_of_another_family_does_not_count(feature: type[Feature]) -> None:
    assert group(feature, **{feature.family: [2, 2], "content": [7, 7]}) == 2
