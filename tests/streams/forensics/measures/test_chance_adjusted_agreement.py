from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from streams.forensics.measures import chance_adjusted_agreement
from streams.forensics.panel import Panel


def test_kappa_is_one_for_equal_choices_and_as_in_the_paper_for_others(choosers: Callable[..., Panel]) -> None:
    """Each right on one of two questions with two options: expected agreement is 1/4 + 1/4, none gives -1, full gives 1."""
    panel = choosers(items=400, controls=5).of_items(np.array([0, 1]))
    chosen = np.zeros((7, 2), dtype=np.int64)
    chosen[:3] = [[0, 1], [0, 1], [1, 0]]
    cube = chance_adjusted_agreement.similarity(replace(panel, chosen=chosen, right=np.zeros(2, dtype=np.int64), options=np.full(2, 2)))
    assert cube.mean(axis=0)[0, 1] == pytest.approx(1.0)
    assert cube.mean(axis=0)[0, 2] == pytest.approx(-1.0)
