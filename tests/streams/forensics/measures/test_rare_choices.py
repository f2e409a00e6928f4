from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import log

import numpy as np
import pytest

from streams.forensics.measures import rare_choices
from streams.forensics.panel import Panel


def test_a_choice_weighs_as_it_is_rare(choosers: Callable[..., Panel]) -> None:
    """Of eight models two choose B and six choose A: B in common is worth log 4, A log 4/3, and no choice nothing."""
    panel = choosers(items=400, controls=6).of_items(np.array([0]))
    chosen = np.array([[1], [1], [0], [0], [0], [0], [0], [0]])
    cube = rare_choices.similarity(replace(panel, chosen=chosen))
    assert cube[0, 0, 1] == pytest.approx(log(4))
    assert cube[0, 2, 3] == pytest.approx(log(4 / 3))
    assert cube[0, 0, 2] == 0.0
    assert not rare_choices.similarity(replace(panel, chosen=np.full((8, 1), -1))).any()
