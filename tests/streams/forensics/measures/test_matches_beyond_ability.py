from __future__ import annotations

from collections.abc import Callable

import numpy as np

from streams.forensics.answers import Options
from streams.forensics.measures import matches_beyond_ability, same_wrong_answers
from streams.forensics.panel import Panel, options_panel

ITEMS = 300


def test_pairs_with_no_relation_have_none_on_average_and_a_copy_has(choosers: Callable[..., Panel]) -> None:
    mean = matches_beyond_ability.similarity(choosers(copied=50)).mean(axis=0)
    others = mean[np.triu_indices(len(mean), 1)][1:]
    assert abs(np.median(others)) < 0.1
    assert mean[0, 1] > 2 * np.abs(others).max()


def test_the_option_that_weak_models_prefer_makes_no_two_weak_models_alike() -> None:
    """Eight weak models choose B where they are wrong, six able ones C; nobody copied anybody."""
    rng, letters, weak = np.random.default_rng(0), {}, np.arange(14) < 8
    for number in range(14):
        right = rng.random(ITEMS) < (0.3 if weak[number] else 0.8)
        lure = np.where(rng.random(ITEMS) < 0.8, "B" if weak[number] else "C", "D")
        letters[f"m{number:02}"] = {str(item): "A" if right[item] else str(lure[item]) for item in range(ITEMS)}
    every = [str(item) for item in range(ITEMS)]
    panel = options_panel(Options(dict.fromkeys(every, "A"), dict.fromkeys(every, 4), dict.fromkeys(every, ""), letters, ""), "m00", "m01")
    plain, beyond = (each.similarity(panel).mean(axis=0) for each in (same_wrong_answers, matches_beyond_ability))
    alike = np.triu(np.outer(weak, weak), 1)
    unlike = np.outer(weak, ~weak)
    assert plain[alike].mean() - plain[unlike].mean() > 0.3  # by the same wrong answers alone, weak models are relatives
    assert abs(beyond[alike].mean()) < 0.1


def test_what_a_model_did_not_answer_counts_for_nothing(choosers: Callable[..., Panel]) -> None:
    panel = choosers(items=60)
    assert panel.chosen is not None
    panel.chosen[0, :30] = -1
    cube = matches_beyond_ability.similarity(panel)
    assert not cube[:30, 0].any()
    assert not cube[:30, :, 0].any()
    assert cube[30:, 0].any()
