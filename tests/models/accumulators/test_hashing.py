"""Hashes whose bits are poor become ones whose high bits choose a cell evenly."""

from __future__ import annotations

import numpy as np

from models.accumulators.hashing import cell, mix, spread


def test_near_numbers_fill_a_table_evenly() -> None:
    cells = np.bincount(cell(np.arange(1, 257, dtype=np.uint64), bits=8), minlength=256)
    assert cells.max() <= 2


def test_different_hashes_stay_different() -> None:
    numbers = np.arange(1000, dtype=np.uint64)
    assert len(np.unique(mix(numbers))) == len(np.unique(spread(numbers))) == 1000


def test_the_mark_of_an_unknown_value_stays_what_it_is() -> None:
    assert spread(np.zeros(1, np.uint64))[0] == mix(np.zeros(1, np.uint64))[0] == 0


def test_one_bit_of_the_input_changes_about_half_of_the_bits() -> None:
    before, after = mix(np.array([1, 3], np.uint64)).tolist()
    assert 16 <= (before ^ after).bit_count() <= 48
