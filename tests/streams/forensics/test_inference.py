"""p-values, ranks and effects, on numbers made for it."""

from __future__ import annotations

import numpy as np
import pytest

from streams.forensics import inference


def cube(items: int = 50, models: int = 8, seed: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    made = np.random.default_rng(seed).normal(size=(items, models, models)).astype(np.float32)
    return made + made.transpose(0, 2, 1)


NO_KIN = np.zeros((8, 8), dtype=bool)
RNG = np.random.default_rng


def test_a_model_that_is_close_to_everybody_is_not_close_to_ours() -> None:
    plain, popular = cube(), cube()
    popular[:, 0, :] += 5.0
    popular[:, :, 0] += 5.0
    before, after = (inference.excess(each, NO_KIN) for each in (plain, popular))
    assert after.mean[0, 1] == pytest.approx(before.mean[0, 1], abs=1e-5)


def test_the_mean_over_items_of_the_excess_is_the_excess_of_the_means() -> None:
    found = inference.excess(cube(), NO_KIN)
    assert found.by_item.mean(axis=0)[1:] == pytest.approx(found.mean[0, 1:], abs=1e-5)


def test_no_p_value_is_below_what_the_panel_can_say() -> None:
    """Six controls: 28 pairs of eight models, and rank 1 of 7."""
    near = cube()
    near[:, 0, 1] += 9.0
    near[:, 1, 0] += 9.0
    found = inference.judge(near, np.arange(50), NO_KIN, RNG(0))
    assert (found.p_panel, found.smallest_p_panel) == (1 / 28, 1 / 28)
    assert (found.rank, found.smallest_p_rank) == (1, 1 / 7)
    assert found.p == found.p_panel > found.p_prompts


def test_prompts_that_are_copies_count_as_one() -> None:
    """Fifty items in two groups: of 49 draws for two groups one in 49 takes our model twice, and the interval is wider."""
    near = cube()
    near[:, 0, 1] += 2.0
    near[:, 1, 0] += 2.0
    single, grouped = (inference.judge(near, groups, NO_KIN, RNG(0)) for groups in (np.arange(50), np.arange(50) % 2))
    assert single.p_prompts < 0.001 < 1 / 100 < grouped.p_prompts


def test_kin_are_no_unrelated_pairs() -> None:
    near = cube()
    near[:, 0, 1] += 2.0
    near[:, 1, 0] += 2.0
    near[:, 4, 5] += 9.0
    near[:, 5, 4] += 9.0
    kin = NO_KIN.copy()
    kin[4, 5] = kin[5, 4] = True
    assert inference.judge(near, np.arange(50), NO_KIN, RNG(0)).p_panel == 2 / 28
    assert inference.judge(near, np.arange(50), kin, RNG(0)).p_panel == 1 / 27


def test_the_interval_holds_the_true_excess_19_times_of_20() -> None:
    held = 0
    for seed in range(200):
        noise = cube(items=40, seed=seed)
        found = inference.judge(noise, np.arange(40), NO_KIN, RNG(seed), permutations=99)
        spread = (found.statistic - found.expected) / found.effect
        held += found.interval[0] <= 0.0 / spread <= found.interval[1]
    assert 0.90 <= held / 200 <= 0.99


def test_shuffled_marks_keep_their_number_in_each_stratum() -> None:
    """Two strata of two items: four ways to mark one of each, and the observed one is the largest of them."""
    values, marked, strata = np.array([5.0, 1.0, 7.0, 2.0]), np.array([True, False, True, False]), np.array([0, 0, 1, 1])
    assert inference.matched_difference(values, marked, strata) == 4.5
    assert inference.shuffle_p(values, marked, strata, RNG(0)) == pytest.approx(0.25, abs=0.08)


def test_holm_is_never_below_the_p_value_nor_above_one() -> None:
    assert inference.holm([0.5, 0.9, 0.01]) == [1.0, 1.0, 0.03]
    assert inference.holm([]) == []


def test_one_small_p_value_alone_is_corroborated_by_none() -> None:
    """Of three tests the second smallest counts, doubled; of one, or none, nothing corroborates."""
    assert inference.corroborated([0.0001, 0.4, 0.6]) == 0.8
    assert inference.corroborated([0.0001, 0.004, 0.6]) == 0.008
    assert inference.corroborated([0.9, 0.9, 0.9]) == 1.0
    assert inference.corroborated([0.0001]) is inference.corroborated([]) is None
