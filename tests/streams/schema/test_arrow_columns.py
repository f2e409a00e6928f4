"""A column is the same in NumPy's arrays and in Arrow's."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pytest

from streams.schema.arrow_columns import TYPES, Kind, coded, codes_of, to_arrow, to_numpy_column

COLUMNS: dict[Kind, Any] = {
    "text": ["ada", None, "ada"],
    "number": np.array([1, np.nan, 3], np.float32),
    "time": np.array([60.0, np.nan, 180.0]),
    "offset": np.array([7.0, -1.0, 9.0]),
    "hash": np.array([7, 0, 2**64 - 1], np.uint64),
    "shingles": np.arange(24, dtype=np.uint64).reshape(3, 8),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_survives_the_way_to_arrow_and_back(kind: Kind) -> None:
    array = to_arrow(COLUMNS[kind], kind)
    assert array.type == TYPES[kind]
    np.testing.assert_array_equal(to_numpy_column(array, kind), COLUMNS[kind])


def test_every_kind_has_a_type() -> None:
    assert set(get_args(Kind)) == TYPES.keys()


def test_codes_of_a_part_of_a_column_are_its_own() -> None:
    words = coded(np.array([1, -1, 0, 1], np.int32), ["ada", "bob"])
    assert words.to_pylist() == ["bob", None, "ada", "bob"]
    assert codes_of(words.indices).tolist() == [1, -1, 0, 1]
    assert codes_of(words[1:3].indices).tolist() == [-1, 0]
    assert codes_of(pa.array([2, 0], pa.int32())).tolist() == [2, 0]
