from __future__ import annotations

import math

from models.learning.feature_bounds import known, unit

LIMITS = {"rate": (0.0, 10.0), "length": (-1.0, 1.0)}


def test_values_are_clipped_to_their_limits_and_undeclared_ones_are_ignored() -> None:
    assert dict(known({"rate": math.inf, "length": -3.0, "other": 1.0}, LIMITS)) == {"rate": 10.0, "length": -1.0}


def test_missing_none_and_nan_are_unknown() -> None:
    assert dict(known({"rate": math.nan}, LIMITS)) == dict(known({"length": None}, LIMITS)) == {}


def test_a_share_is_the_way_from_the_lower_to_the_upper_limit() -> None:
    assert unit({"length": 0.0, "rate": 2.5}, LIMITS) == {"rate": 0.25, "length": 0.5}
