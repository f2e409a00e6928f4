from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from river import anomaly

from models.learning.flat_trees import FlatTrees

NAMES = ("a", "b", "c")


def rows(seed: int, count: int) -> list[dict[str, float]]:
    values = np.random.default_rng(seed).normal(0.5, 0.2, (count, 3)).tolist()
    return [dict(zip(NAMES, row, strict=True)) for row in values]


def grown(height: int, learned: int) -> Any:
    trees: Any = anomaly.HalfSpaceTrees(n_trees=4, height=height, window_size=20, seed=1)
    for x in rows(1, learned):
        trees.learn_one({**x})
    return trees


@pytest.mark.parametrize("height", [1, 3, 8])
def test_scores_are_those_of_river(height: int) -> None:
    trees = grown(height, learned=50)
    probes = rows(2, 100)
    flat = FlatTrees(trees, NAMES).score(np.array([list(x.values()) for x in probes]))
    assert np.allclose(flat, [trees.score_one({**x}) for x in probes], rtol=0, atol=1e-12)


def test_counting_is_learning() -> None:
    counted, learned = grown(4, learned=41), grown(4, learned=41)
    more = rows(3, 18)
    FlatTrees(counted, NAMES).count(np.array([list(x.values()) for x in more]))
    for x in [*more, *rows(4, 1)]:
        learned.learn_one({**x})
    counted.learn_one({**rows(4, 1)[0]})  # the window ends here, and the masses pivot
    probes = rows(5, 100)
    assert [counted.score_one({**x}) for x in probes] == [learned.score_one({**x}) for x in probes]
