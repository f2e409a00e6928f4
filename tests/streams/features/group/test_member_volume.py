from __future__ import annotations

from math import nan

from streams.features.group.member_volume import MemberVolume
from streams.testing.feature_trial import group


def test_the_usual_member_decides_and_not_the_one_that_stands_out() -> None:
    assert group(MemberVolume, volume=[1] * 9 + [7]) == 1


def test_members_of_whom_nothing_is_known_do_not_count() -> None:
    assert group(MemberVolume, volume=[2, nan, 4]) == 3
