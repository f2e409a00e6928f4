from __future__ import annotations

from math import nan

import pytest

from streams.features.group.member_content import MemberContent
from streams.testing.feature_trial import group


def test_the_usual_member_decides_and_not_the_one_that_stands_out() -> None:
    assert group(MemberContent, content=[1] * 9 + [7], total=1000) == pytest.approx(3 * 10 / 11, rel=0.01)


def test_ten_members_say_no_more_than_three_payers() -> None:
    assert group(MemberContent, content=[2] * 10, total=1000, organization=1) == pytest.approx(2 * 10 / 11, rel=0.01)


def test_a_handful_of_requests_says_little() -> None:
    assert group(MemberContent, content=[2, 2, 2], total=1) < group(MemberContent, content=[2, 2, 2], total=100) / 2


def test_members_of_whom_nothing_is_known_do_not_count() -> None:
    assert group(MemberContent, content=[2, nan, 4], total=1000) == pytest.approx(2 * 3 * 2 / 3, rel=0.01)
