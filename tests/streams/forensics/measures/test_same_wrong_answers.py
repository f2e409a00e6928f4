from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from streams.forensics.measures import same_wrong_answers
from streams.forensics.panel import Panel


def test_agreement_counts_where_both_are_wrong_less_what_all_pairs_do_there(choosers: Callable[..., Panel]) -> None:
    """Two questions of one stratum; models 0, 1 and 2 are wrong on both: 0 and 1 agree on both, 2 with nobody. Of six pairs two agree."""
    panel = choosers(items=400, controls=5).of_items(np.array([0, 1]))
    chosen = np.zeros((7, 2), dtype=np.int64)
    chosen[:3] = [[1, 1], [1, 1], [2, 2]]
    cube = same_wrong_answers.similarity(replace(panel, chosen=chosen, right=np.zeros(2, dtype=np.int64), options=np.full(2, 4)))
    assert cube.mean(axis=0)[0, 1] == pytest.approx(1.0 - 2 / 6)
    assert cube.mean(axis=0)[0, 2] == pytest.approx(0.0 - 2 / 6)
    assert cube.mean(axis=0)[0, 3] == 0.0
