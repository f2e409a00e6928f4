"""What a trait of all models explains of their likeness, on numbers made for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streams.forensics import inference, trait

MODELS = 28
NO_KIN = np.zeros((MODELS, MODELS), dtype=bool)


def able(models: int = MODELS) -> Any:
    """Return the likeness of models whose abilities go from -1 to 1: the product of two abilities, with a little noise."""
    skill = np.linspace(-1.0, 1.0, models)
    noise = np.random.default_rng(0).normal(scale=0.01, size=(models, models))
    return np.outer(skill, skill) + (noise + noise.T) / 2


def used(models: int = MODELS) -> Any:
    """Every pair but that of suspect and our model, the first two."""
    pairs = ~np.eye(models, dtype=bool)
    pairs[0, 1] = pairs[1, 0] = False
    return pairs


def test_two_able_models_are_not_taken_for_relatives() -> None:
    likeness, upper = able(), np.triu_indices(MODELS, 1)
    left = likeness - trait.fit(likeness, used()).explained
    assert left[upper].std() < 0.02 < likeness[upper].std()


def test_what_two_models_share_beside_their_trait_is_left() -> None:
    likeness = able()
    likeness[0, 1] = likeness[1, 0] = likeness[0, 1] + 1.0
    left = likeness - trait.fit(likeness, used()).explained
    assert left[0, 1] - np.median(left[0, 2:]) == pytest.approx(1.0, abs=0.1)


def test_declared_kin_do_not_become_a_trait() -> None:
    """Four versions of one model are as alike as four such ones can be, in a panel that has nothing else in common."""
    pairs = used()
    pairs[:4, :4] = False
    likeness = np.zeros((MODELS, MODELS))
    likeness[:4, :4] = 5.0
    assert trait.fit(likeness, pairs).explained == pytest.approx(0.0, abs=0.01)


def test_a_panel_of_few_models_fits_no_trait() -> None:
    few = trait.MIN_MODELS - 1
    found = trait.fit(able(few), used(few))
    assert not found.explained.any()
    assert not found.leverage.any()


def test_a_pair_that_drew_the_fit_to_itself_has_a_leverage_and_the_tested_pair_has_none() -> None:
    found = trait.fit(able(), used())
    assert found.leverage[0, 1] == 0.0
    assert found.leverage[0, MODELS - 1] > found.leverage[MODELS // 2, MODELS // 2 + 1] > 0.0  # the ends of the scale carry it
    assert found.leverage.max() <= 0.5


@pytest.mark.slow
def test_without_any_relation_the_tested_pair_ranks_as_any_other_of_a_panel_that_fits_a_trait() -> None:
    """Of 300 unrelated pairs 150 are expected below one half, 15 below one twentieth: outside 115..185 and above 30 is one in 5,000."""
    rng, values = np.random.default_rng(1), []
    for _ in range(300):
        noise = rng.normal(size=(1, MODELS, MODELS)).astype(np.float32)
        scaled = inference.excess(noise + noise.transpose(0, 2, 1), NO_KIN).scaled
        pairs = scaled[np.triu_indices(MODELS, 1)]
        values.append(float((pairs >= scaled[0, 1]).mean()))
    assert 115 <= sum(value <= 0.5 for value in values) <= 185
    assert sum(value <= 0.05 for value in values) <= 30


def test_two_models_of_one_style_are_not_accused_and_a_copy_among_them_is() -> None:
    """Ten models of 28 share the style of a year, as strong as a chance pair is unusual one time in a hundred."""
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(1, MODELS, MODELS)).astype(np.float32)
    modern = np.where(np.arange(MODELS) % 3 == 0, 1.0, 0.0)
    modern[1] = modern[0] = 1.0
    likeness = noise + noise.transpose(0, 2, 1) + 3.5 * np.outer(modern, modern).astype(np.float32)
    likeness[0, 0, 1] = likeness[0, 1, 0] = 3.5
    copy = likeness.copy()
    copy[0, 0, 1] = copy[0, 1, 0] = 11.0

    def place(cube: Any) -> float:
        scaled = inference.excess(cube, NO_KIN).scaled
        return float((scaled[np.triu_indices(MODELS, 1)] >= scaled[0, 1]).mean())

    assert place(likeness) > 0.2
    assert place(copy) < 0.01
