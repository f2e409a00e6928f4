"""What abilities explain of likeness, on numbers made for it."""

from __future__ import annotations

import numpy as np
import pytest

from streams.forensics import ability


def able(models: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the likeness of models whose abilities go from -1 to 1: the product of two abilities, with a little noise."""
    skill = np.linspace(-1.0, 1.0, models)
    noise = np.random.default_rng(0).normal(scale=0.01, size=(models, models))
    return (np.outer(skill, skill) + (noise + noise.T) / 2)[None].astype(np.float32)


def test_two_able_models_are_not_taken_for_relatives() -> None:
    likeness, kin = able(28), np.zeros((28, 28), dtype=bool)
    left = ability.less_ability(likeness.copy(), kin)[0]
    upper = np.triu_indices(28, 1)
    assert left[upper].std() < 0.02 < likeness[0][upper].std()


def test_what_two_models_share_beside_their_ability_is_left() -> None:
    likeness, kin = able(28), np.zeros((28, 28), dtype=bool)
    likeness[0, 0, 1] = likeness[0, 1, 0] = likeness[0, 0, 1] + 1.0
    left = ability.less_ability(likeness, kin)[0]
    others = np.delete(left[0], [0, 1])
    assert left[0, 1] - np.median(others) == pytest.approx(1.0, abs=0.1)


def test_declared_kin_do_not_become_a_factor() -> None:
    """Four versions of one model are as alike as four such ones can be, in a panel that has nothing else in common."""
    kin = np.zeros((28, 28), dtype=bool)
    kin[:4, :4] = ~np.eye(4, dtype=bool)
    likeness = np.zeros((1, 28, 28), dtype=np.float32)
    likeness[0, :4, :4] = 5.0
    left = ability.less_ability(likeness, kin)[0]
    assert left[kin] == pytest.approx(5.0, abs=0.01)


def test_a_panel_of_few_models_fits_no_factor() -> None:
    likeness = able(ability.MIN_MODELS - 1)
    assert ability.less_ability(likeness.copy(), np.zeros((13, 13), dtype=bool)) == pytest.approx(likeness)
