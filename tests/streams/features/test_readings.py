from __future__ import annotations

import math

import pytest

from models.durations import HOUR
from streams.features.expressions import REQUESTS, col
from streams.features.readings import (
    daily,
    deviation,
    different,
    further_per_request,
    last,
    mean,
    ratio,
    share,
    spread,
    top_share,
)
from streams.testing.feature_trial import START_SECONDS, value_of


def test_ratios_shares_and_means_are_those_of_known_requests() -> None:
    assert value_of(ratio(col.output_tokens, col.input_tokens), input_tokens=[1, 1, 8], output_tokens=[4, 2, math.nan]) == 3
    assert value_of(share(col.seeded), seeded=[1, 0, math.nan]) == 0.5
    assert value_of(mean(col.duration), duration=[1, 3, math.nan]) == 2
    assert math.isnan(value_of(mean(col.duration), status=200))


def test_a_request_counts_half_after_a_half_life() -> None:
    assert value_of(mean(col.duration, half_life=HOUR), duration=[0, 3], time=[START_SECONDS, START_SECONDS + HOUR]) == pytest.approx(2)


def test_the_deviation_of_two_and_four_is_one() -> None:
    assert value_of(deviation(col.duration), duration=[2, 4]) == pytest.approx(1)
    assert math.isnan(value_of(deviation(col.duration), duration=[2]))


def test_a_request_an_hour_is_24_a_day_from_the_first_day_on() -> None:
    for hours in (12, 24, 240):
        assert value_of(daily(REQUESTS), time=[START_SECONDS + HOUR * i for i in range(hours + 1)]) == pytest.approx(24, rel=0.1)


def test_spread_is_flat_or_one_sided() -> None:
    assert value_of(spread(col.duration, 0, 4, bins=4), duration=[0.5, 1.5, 2.5, 3.5]) == pytest.approx(1)
    assert value_of(spread(col.duration, 0, 4, bins=4), duration=[0.5, 0.6]) == 0


def test_the_top_share_of_a_text_is_that_of_its_most_frequent_word() -> None:
    assert value_of(top_share(col.user_agent), user_agent=["a", "a", "a", "b", None]) == 0.75


def test_different_values_are_counted_through_any_kind_of_column() -> None:
    assert value_of(different(col.user_agent), user_agent=["a", "b", "a"]) == pytest.approx(2, abs=0.1)
    assert value_of(different(col.connection), connection=[7, 8, 7]) == pytest.approx(2, abs=0.1)
    assert value_of(different(col.as_number), as_number=[7, 8, 7]) == pytest.approx(2, abs=0.1)
    assert value_of(further_per_request(col.connection), connection=[7, 8, 7, 0]) == pytest.approx(1 / 2, abs=0.05)


def test_the_last_value_is_the_newest_known_one() -> None:
    assert value_of(last(col.status), status=[200, 500, math.nan], time=[START_SECONDS + 1, START_SECONDS + 2, START_SECONDS + 3]) == 500
