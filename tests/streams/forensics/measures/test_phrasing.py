from __future__ import annotations

from collections.abc import Callable

import numpy as np

from streams.forensics.measures import phrasing
from streams.forensics.panel import Panel


def test_a_model_that_borrows_a_style_is_taken_for_its_owner(writers: Callable[..., Panel]) -> None:
    cube = phrasing.similarity(writers(copied=60, items=200))
    mean = np.array(cube.mean(axis=0))
    np.fill_diagonal(mean, -np.inf)
    assert mean[0].argmax() == 1
