from __future__ import annotations

from models.durations import DAY
from streams.features.group.succession import Succession
from streams.testing.feature_trial import group


def test_three_follow_three_that_stopped() -> None:
    assert group(Succession, first=[0, 0, 0, 20 * DAY, 20 * DAY, 20 * DAY], last=[20 * DAY] * 3 + [30 * DAY] * 3, now=30 * DAY) > 6


def test_nobody_stopped() -> None:
    assert group(Succession, first=[0, DAY, 2 * DAY, 3 * DAY], last=30 * DAY, now=30 * DAY) == 0


def test_two_are_not_enough() -> None:
    assert group(Succession, first=[0, 0, 20 * DAY, 20 * DAY], last=[20 * DAY] * 2 + [30 * DAY] * 2, now=30 * DAY) == 0
