from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from models.accumulators.step import Floats, Step
from models.state.columns import Columns
from streams.features.declaration import (
    ABSURD,
    DAY,
    HOUR,
    REQUESTS,
    Bank,
    Events,
    Expr,
    Feature,
    Reading,
    Sum,
    col,
    daily,
    deviation,
    different,
    further_per_request,
    hash_numbers,
    last,
    mean,
    ratio,
    share,
    spread,
    top_share,
)
from streams.testing.feature_trial import START, account, block_of, derived_columns


def read(reading: Reading, **columns: Any) -> float:
    """What a reading says of one account after these requests."""
    return account(tried(reading), **columns)


def tried(reading: Reading | None = None, name: str = "Tried") -> type[Feature]:
    """A feature that no file declares."""
    return type(name, (Feature,), {"value": reading})


def evaluated(expr: Expr, **columns: Any) -> list[float]:
    block = block_of(columns)
    step = Step.of(np.zeros(len(block), np.int64), np.asarray(block.numbers("time"), np.float64), np.full(1, -np.inf))
    found: Floats = expr.evaluate(Events(block, step, derived_columns(block, step, columns)))
    return [float(value) for value in found]


def test_unknown_stays_unknown_through_every_expression() -> None:
    unknown = [
        col.status + 1,
        col.status - col.duration,
        col.status * 2,
        col.status > 1,
        col.status <= 1,
        col.status.log(),
        col.as_type.is_("isp"),
    ]
    for expr in unknown:
        assert math.isnan(evaluated(expr, duration=1)[0]), expr.name


@pytest.mark.parametrize(
    ("expr", "hint"),
    [
        (col.gaps, "there is no column gaps: did you mean gap?"),
        (col.as_typ.is_("isp"), "there is no column as_typ: did you mean as_type?"),
        (col.zzz, "there is no column zzz: REQUESTS in streams/schema/blocks.py and columns()"),
    ],
)
def test_a_misspelt_column_says_which_was_meant_or_where_they_are(expr: Expr, hint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(hint)):
        evaluated(expr)


def test_conditions_are_ones_and_zeros() -> None:
    assert evaluated(col.status >= 400, status=[399, 400, 401]) == [0, 1, 1]
    assert evaluated((col.status >= 400) & (col.status < 500), status=[399, 400, 500]) == [0, 1, 0]
    assert evaluated(col.as_type.is_("isp", "vpn"), as_type=["isp", "vpn", "hosting"]) == [1, 1, 0]


def test_a_default_is_only_for_the_unknown() -> None:
    assert evaluated(col.cached_tokens.or_else(0.0), cached_tokens=[math.nan, 5]) == [0, 5]


def test_equal_expressions_have_one_name() -> None:
    assert (col.status + 1) * col.duration == (col.status + 1) * col.duration
    assert col.status + 1 != col.status + 2


@pytest.mark.parametrize("absurd", [math.inf, -math.inf, 2 * ABSURD, -3e38])
def test_an_absurd_number_is_unknown(absurd: float) -> None:
    np.testing.assert_array_equal(evaluated(col.output_tokens, output_tokens=[absurd, 7]), [math.nan, 7])


@pytest.mark.parametrize("name", ["country", "language", "time", "hour"])
def test_nationality_language_and_the_time_of_day_cannot_even_be_named(name: str) -> None:
    with pytest.raises(ValueError, match="never evidence"):
        getattr(col, name)


def test_events_come_in_order_of_time_whatever_their_order_in_the_block() -> None:
    assert evaluated(col.status, status=[2, 3, 1], time=[START + 2, START + 3, START + 1]) == [1, 2, 3]


def test_ratios_shares_and_means_are_those_of_known_requests() -> None:
    assert read(ratio(col.output_tokens, col.input_tokens), input_tokens=[1, 1, 8], output_tokens=[4, 2, math.nan]) == 3
    assert read(share(col.seeded), seeded=[1, 0, math.nan]) == 0.5
    assert read(mean(col.duration), duration=[1, 3, math.nan]) == 2
    assert math.isnan(read(mean(col.duration), status=200))


def test_a_request_counts_half_after_a_half_life() -> None:
    assert read(mean(col.duration, half_life=HOUR), duration=[0, 3], time=[START, START + HOUR]) == pytest.approx(2)


def test_the_deviation_of_two_and_four_is_one() -> None:
    assert read(deviation(col.duration), duration=[2, 4]) == pytest.approx(1)
    assert math.isnan(read(deviation(col.duration), duration=[2]))


def test_a_request_an_hour_is_24_a_day_from_the_first_day_on() -> None:
    for hours in (12, 24, 240):
        assert read(daily(REQUESTS), time=[START + HOUR * i for i in range(hours + 1)]) == pytest.approx(24, rel=0.1)


def test_spread_is_flat_or_one_sided() -> None:
    assert read(spread(col.duration, 0, 4, bins=4), duration=[0.5, 1.5, 2.5, 3.5]) == pytest.approx(1)
    assert read(spread(col.duration, 0, 4, bins=4), duration=[0.5, 0.6]) == 0


def test_the_top_share_of_a_text_is_that_of_its_most_frequent_word() -> None:
    assert read(top_share(col.user_agent), user_agent=["a", "a", "a", "b", None]) == 0.75


def test_different_values_are_counted_through_any_kind_of_column() -> None:
    assert read(different(col.user_agent), user_agent=["a", "b", "a"]) == pytest.approx(2, abs=0.1)
    assert read(different(col.connection), connection=[7, 8, 7]) == pytest.approx(2, abs=0.1)
    assert read(different(col.as_number), as_number=[7, 8, 7]) == pytest.approx(2, abs=0.1)
    assert read(further_per_request(col.connection), connection=[7, 8, 7, 0]) == pytest.approx(1 / 2, abs=0.05)


def test_the_last_value_is_the_newest_known_one() -> None:
    assert read(last(col.status), status=[200, 500, math.nan], time=[START + 1, START + 2, START + 3]) == 500


def test_hashes_of_numbers_are_spread_and_unknown_numbers_have_none() -> None:
    hashes = hash_numbers(np.array([0.0, 1.0, 2.0, math.nan, math.inf]))
    assert len(set(hashes[:3].tolist())) == 3
    assert hashes[3:].tolist() == [0, 0]


def test_features_that_need_the_same_share_it() -> None:
    one, two = tried(share(col.seeded), "One"), tried(share(col.seeded), "Two")
    bank = Bank([one, two])
    assert bank.fields()[f"sums over {DAY:g}"].size == 2
    assert isinstance(one.value.needs[0], Sum)


def test_a_reading_rests_on_the_requests_where_it_was_known() -> None:
    bank = Bank([tried(share(col.seeded))])
    table = Columns("t", bank.fields())
    block = block_of({"seeded": [1, 0, math.nan, math.nan]})
    step = Step.of(table.intern(["a"] * 4), np.asarray(block.numbers("time"), np.float64), table["clock"])
    bank.fold(table, Events(block, step))
    assert bank.read(table, np.zeros(1, np.int64))[1].tolist() == [[2.0]]


def test_a_feature_is_named_after_its_class() -> None:
    assert tried(name="LongPausesAt2").name() == "long_pauses_at2"
