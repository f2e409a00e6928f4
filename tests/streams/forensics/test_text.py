"""Lengths and habits of answers, on numbers made for it."""

from __future__ import annotations

import numpy as np
import pytest

from streams.forensics import text


def test_what_brief_answers_have_in_common_by_being_brief_is_taken_off() -> None:
    """Of eight models four are brief; two brief answers are alike by 0.8, all others by 0.2."""
    brief = np.array([True, False] * 4)
    likeness = np.where(np.outer(brief, brief), 0.8, 0.2).astype(np.float32)
    words = np.repeat(np.where(brief, 3, 100)[:, None], 500, axis=1)
    left = text.less_length(np.repeat(likeness[None], 500, axis=0), words).mean(axis=0)
    assert np.ptp(left[np.triu_indices(8, 1)]) == pytest.approx(0.0, abs=0.02)


def test_what_one_brief_pair_copied_is_not_taken_off() -> None:
    brief = np.array([True, False] * 4)
    likeness = np.where(np.outer(brief, brief), 0.8, 0.2).astype(np.float32)
    likeness[0, 2] = likeness[2, 0] = 0.9
    words = np.repeat(np.where(brief, 3, 100)[:, None], 500, axis=1)
    left = text.less_length(np.repeat(likeness[None], 500, axis=0), words).mean(axis=0)
    assert left[0, 2] - left[4, 6] == pytest.approx(0.1, abs=0.001)
