"""The functions for short arrays give what NumPy's own give, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from models.accumulators.short import known_or_zero, median, numbered, quantile, tallied

NUMBERS = st.floats(-1e12, 1e12) | st.just(np.nan)
FEW = st.integers(1, 40)


@given(arrays(np.float64, FEW, elements=NUMBERS), st.floats(0, 1))
def test_the_median_and_quantiles_are_numpys(values: NDArray[Any], share: float) -> None:
    np.testing.assert_array_equal(median(values), np.median(values))
    np.testing.assert_array_equal(quantile(values, share), np.quantile(values, share))


@given(arrays(np.float32, FEW, elements=st.floats(-1000, 1000, width=32)))
def test_the_median_of_single_precision_is_numpys(values: NDArray[Any]) -> None:
    assert median(values) == float(np.median(values))


@given(arrays(np.uint64, st.integers(0, 40), elements=st.integers(0, 5)))
def test_numbers_and_tallies_are_those_of_unique(values: NDArray[Any]) -> None:
    for ours, theirs in (
        (numbered(values), np.unique(values, return_inverse=True)),
        (tallied(values), np.unique(values, return_counts=True)),
    ):
        for mine, numpys in zip(ours, theirs, strict=True):
            assert mine.tolist() == numpys.tolist()
            assert mine.dtype == numpys.dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unknown_numbers_become_zero_and_keep_their_dtype(dtype: type[Any]) -> None:
    values: NDArray[Any] = np.array([1.5, np.nan, -2.0], dtype)
    assert known_or_zero(values).dtype == dtype
    np.testing.assert_array_equal(known_or_zero(values), np.nan_to_num(values))
