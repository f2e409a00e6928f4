from __future__ import annotations

from streams.core.durations import HOUR
from streams.features.group.start_together import StartTogether
from streams.testing.feature_trial import group


def test_three_of_four_within_the_hour() -> None:
    assert group(StartTogether, first=[0, HOUR / 2, HOUR, 5 * HOUR]) == 0.75


def test_one_alone_is_not_together() -> None:
    assert group(StartTogether, first=[0]) == 0
