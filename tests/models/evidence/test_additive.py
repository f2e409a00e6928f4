from __future__ import annotations

import numpy as np
import pytest

from models.evidence import additive
from models.evidence.additive import Additive
from streams.stages.groups.model_inputs import INPUT_NAMES

TWO_TREES = Additive.of(
    {
        "inputs": ["content", "load"],
        "base": -1.0,
        "offset": 10.0,
        "scale": 2.0,
        "trees": {
            # content above 2 is worth 1, and 4 where the load is above 5 too; a load above 5 alone is worth half a nat
            "root": [0, 1],
            "root_threshold": [2.0, 5.0],
            "root_unknown": [False, True],
            "branch": [[0, 1], [1, 1]],
            "branch_threshold": [[None, 5.0], [None, None]],
            "branch_unknown": [[False, False], [False, False]],
            "leaves": [[[0.0, 0.0], [1.0, 4.0]], [[0.0, 0.0], [0.5, 0.5]]],
        },
    }
)
ROWS = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 6.0], [3.0, 6.0]])


def test_the_values_of_all_trees_add_up() -> None:
    assert TWO_TREES.nats(ROWS).tolist() == [8.0, 10.0, 9.0, 17.0]


def test_what_is_unknown_goes_the_way_that_was_learned() -> None:
    assert TWO_TREES.nats(np.array([[np.nan, 0.0], [0.0, np.nan]])).tolist() == [8.0, 9.0]


def test_contributions_sum_to_the_score_and_a_pair_shares_its_value() -> None:
    found = TWO_TREES.contributions(ROWS)
    assert found[3].tolist() == [4.0, 5.0]
    assert (found.sum(axis=1) + 8.0).tolist() == TWO_TREES.nats(ROWS).tolist()


def test_the_stored_model_judges_by_the_inputs_of_this_code() -> None:
    stored = additive.trained()
    assert stored.inputs == INPUT_NAMES
    assert stored.root.max() < len(INPUT_NAMES)
    assert np.isfinite(stored.leaves).all()
    assert (np.isfinite(stored.branch_threshold) | np.isinf(stored.branch_threshold)).all()


def judged_row_by_row(model: Additive, row: list[float]) -> float:
    """Return what the trees add for one row: the slow reference."""
    total = 0.0
    for tree in range(len(model.root)):
        first = above(row[model.root[tree]], model.root_threshold[tree], model.root_unknown[tree])
        column = model.branch[tree, first]
        second = above(row[column], model.branch_threshold[tree, first], model.branch_unknown[tree, first])
        total += model.leaves[tree, first, second]
    lines = sum(value * slope for value, slope in zip(row, model.slopes.tolist(), strict=True) if not np.isnan(value))
    return float((total + lines + model.base) * model.scale + model.offset)


def above(value: float, threshold: float, unknown: np.bool_) -> int:
    return int(unknown if np.isnan(value) else value > threshold)


@pytest.mark.parametrize("rows", [1, 20, 399, 400, 700])
def test_few_rows_and_many_are_judged_as_one_by_one(rows: int) -> None:
    model, random = additive.trained(), np.random.default_rng(rows)
    values = random.normal(2.0, 4.0, (rows, len(INPUT_NAMES)))
    values[random.random(values.shape) < 0.2] = np.nan
    values[:, ::2] = values[:1, ::2]  # what the group has is the same in every row, known or not
    assert np.allclose(model.nats(values), [judged_row_by_row(model, row) for row in values.tolist()], rtol=0.0, atol=1e-9)


def test_a_large_group_is_judged_bit_for_bit_as_its_parts_are() -> None:
    model, random = additive.trained(), np.random.default_rng(1)
    values = random.normal(2.0, 4.0, (600, len(INPUT_NAMES)))
    values[random.random(values.shape) < 0.2] = np.nan
    values[:, ::2] = values[:1, ::2]
    parts = [model.nats(values[first : first + 100]) for first in range(0, 600, 100)]
    assert np.array_equal(model.nats(values), np.concatenate(parts))
