from __future__ import annotations

import math

from models.durations import HOUR
from streams.features.group.start_together import StartTogether
from streams.testing.feature_trial import group


def test_three_of_four_within_the_hour() -> None:
    assert group(StartTogether, first=[0, HOUR / 2, HOUR, 5 * HOUR]) == 0.75


def test_of_one_account_alone_it_is_unknown() -> None:
    assert math.isnan(group(StartTogether, first=[0]))
