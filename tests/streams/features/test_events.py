from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from models.accumulators.grouped_events import GroupedEvents
from models.arrays import Floats
from streams.features.events import MAX_PLAUSIBLE_UNITS, Events, hash_numbers
from streams.features.expressions import Expr, col
from streams.testing.feature_trial import START_SECONDS, block_of, derived_columns


def evaluated(expr: Expr, **columns: Any) -> list[float]:
    block = block_of(columns)
    grouped = GroupedEvents.of(np.zeros(len(block), np.int64), np.asarray(block.numbers("time"), np.float64), np.full(1, -np.inf))
    found: Floats = expr.evaluate(Events(block, grouped, derived_columns(block, grouped, columns)))
    return [float(value) for value in found]


@pytest.mark.parametrize(
    ("expr", "hint"),
    [
        (col.gaps, "unknown column gaps: did you mean gap?"),
        (col.as_typ.is_("isp"), "unknown column as_typ: did you mean as_type?"),
        (col.zzz, "unknown column zzz: REQUESTS in streams/schema/layouts.py and columns()"),
    ],
)
def test_a_misspelt_column_says_which_was_meant_or_where_they_are(expr: Expr, hint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(hint)):
        evaluated(expr)


@pytest.mark.parametrize("absurd", [math.inf, -math.inf, 2 * MAX_PLAUSIBLE_UNITS, -3e38])
def test_an_absurd_number_is_unknown(absurd: float) -> None:
    np.testing.assert_array_equal(evaluated(col.output_tokens, output_tokens=[absurd, 7]), [math.nan, 7])


def test_events_come_in_order_of_time_whatever_their_order_in_the_block() -> None:
    assert evaluated(col.status, status=[2, 3, 1], time=[START_SECONDS + 2, START_SECONDS + 3, START_SECONDS + 1]) == [1, 2, 3]


def test_hashes_of_numbers_are_spread_and_unknown_numbers_have_none() -> None:
    hashes = hash_numbers(np.array([0.0, 1.0, 2.0, math.nan, math.inf]))
    assert len(set(hashes[:3].tolist())) == 3
    assert hashes[3:].tolist() == [0, 0]
