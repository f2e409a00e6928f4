from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats
from streams.features.events import Events
from streams.features.expressions import Expr, col
from streams.testing.feature_trial import block_of, derived_columns


def evaluated(expr: Expr, **columns: Any) -> list[float]:
    block = block_of(columns)
    grouped = GroupedEvents.of(np.zeros(len(block), np.int64), np.asarray(block.numbers("time"), np.float64), np.full(1, -np.inf))
    found: Floats = expr.evaluate(Events(block, grouped, derived_columns(block, grouped, columns)))
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


def test_conditions_are_ones_and_zeros() -> None:
    assert evaluated(col.status >= 400, status=[399, 400, 401]) == [0, 1, 1]
    assert evaluated((col.status >= 400) & (col.status < 500), status=[399, 400, 500]) == [0, 1, 0]
    assert evaluated(col.as_type.is_("isp", "vpn"), as_type=["isp", "vpn", "hosting"]) == [1, 1, 0]


def test_a_default_is_only_for_the_unknown() -> None:
    assert evaluated(col.cached_tokens.or_else(0.0), cached_tokens=[math.nan, 5]) == [0, 5]


def test_equal_expressions_have_one_name() -> None:
    assert (col.status + 1) * col.duration == (col.status + 1) * col.duration
    assert col.status + 1 != col.status + 2


@pytest.mark.parametrize("name", ["country", "language", "time", "hour"])
def test_nationality_language_and_the_time_of_day_cannot_even_be_named(name: str) -> None:
    with pytest.raises(ValueError, match="never evidence"):
        getattr(col, name)
