"""From similarities of answers to p-values, ranks and effect sizes, the same way for every measure.

A measure gives a cube: similarity by item, model and model. What two models' own closeness to all models explains is taken off (a two-way
additive fit), and so is what one trait of all models explains (`trait`). The rest, the excess of suspect and our model, is asked two
questions:

* Is it luck of the prompts? Our model's name is exchanged, prompt by prompt, with a control's drawn at random (a permutation within blocks:
  Good 2005, "Permutation, parametric and bootstrap tests of hypotheses"). Prompts that are near copies are exchanged together.
* Is it more than unrelated models have by themselves? The place of the pair among all pairs of models that are not declared kin, which is
exact when models are exchangeable (joint exchangeability: Aldous 1981). With k controls and no kin no value below 2 / ((k+1) (k+2)) can
come out.

Both must be answered, so a test's p-value is the larger one (an intersection-union test: Berger 1982). One test can mistake a style for
a teacher, so `corroborated` asks whether at least two tests answer. Nothing of it rules out a common cause that the controls lack: a shared
base model, shared training sets, or a shared habit of short answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from streams.forensics import trait
from streams.forensics.panel import Cube, Floats, Integers, Mask
from streams.forensics.trait import STANDARD_DEVIATIONS_PER_MAD

MAX_PERMUTATIONS: Final = 9_999
ENOUGH_EXCEEDANCES: Final = 100
"""A permutation test stops at this many draws as extreme as the observed one: p is then precise enough (Besag and Clifford 1991)."""
_CHUNK_CELLS: Final = 2_000_000
_NORMAL_975_QUANTILE: Final = 1.959963984540054
_MIN_SPREAD_DEVIATIONS: Final = 1e-6
"""Minimum spread: pairs that are equal up to rounding have no outlier."""


@dataclass(frozen=True)
class Excess:
    """What is left of each pair's similarity: `by_item` (items, models) of the suspect's pairs, `mean` and `scaled` (models, models).

    `scaled` is in standard deviations over the pairs of unrelated models, scaled by how much each of the two models varies. Pairs that
    are not allowed (a model with itself, declared kin) are nan.
    """

    by_item: Floats
    mean: Floats
    scaled: Floats
    spread: float
    """Standard deviation (robust) over the pairs of controls, in the measure's own unit."""


@dataclass(frozen=True)
class Contrast:
    """Marked items against others, all (items,): compared within `strata`; `units` are shuffled as wholes."""

    marked: Mask
    strata: Integers
    units: Integers


@dataclass(frozen=True)
class Finding:
    """What one measure says of one pair. Similarities are in the measure's unit, effects in standard deviations over unrelated pairs."""

    statistic: float
    expected: float
    """What both models' closeness to all others explains of `statistic`."""
    effect: float
    interval: tuple[float, float]
    """95 % confidence interval of `effect` over prompts alone; the choice of the panel is not in it."""
    p_prompts: float
    p_panel: float
    p: float
    rank: int
    """Place of the suspect among the controls by closeness to our model; 1 is the closest."""
    teacher_rank: int
    """Place of our model among the controls by closeness to the suspect."""
    controls: int
    smallest_p_rank: float
    smallest_p_panel: float
    control_effects: tuple[float, ...]
    """Effects of the controls against our model, as ordered in the panel."""
    items: int
    design_effect: float
    """Variance of the mean over groups of prompts, relative to independent prompts: 1 is independent."""


def excess(cube: Cube, kin: Mask, suspect: int = 0, teacher: int = 1) -> Excess:
    """Return what is left of similarities `cube` (items, models, models) after an additive fit and one trait.

    The fit is over the pairs that are not `kin`, (models, models). `suspect` and `teacher` are their places among the models; their pair
    is no part of the trait: copying must not look like one.
    """
    size = cube.shape[1]
    allowed = ~(kin | np.eye(size, dtype=bool))
    allowed[suspect, teacher] = allowed[teacher, suspect] = True
    mean: Floats = cube.mean(axis=0, dtype=np.float64)
    used = allowed.copy()
    used[suspect, teacher] = used[teacher, suspect] = False
    common = trait.fit(mean, used)
    mean -= common.explained
    own = _own(np.where(allowed, mean, 0.0).sum(axis=1), allowed)
    left = np.where(allowed, mean - own[:, None] - own[None, :], np.nan) / (1.0 - common.leverage)
    totals = np.einsum("iab,ab->ia", cube, allowed.astype(np.float32)).astype(np.float64)
    own_by_item = _own((totals - np.where(allowed, common.explained, 0.0).sum(axis=1)).T, allowed).T
    by_item = cube[:, suspect, :] - common.explained[suspect] - own_by_item - own_by_item[:, [suspect]]
    by_item = by_item / (1.0 - common.leverage[suspect])
    varies = _spreads(left)
    scale = np.sqrt(varies[:, None] * varies[None, :])
    controls = np.delete(np.delete(left, [suspect, teacher], axis=0), [suspect, teacher], axis=1)
    spread = STANDARD_DEVIATIONS_PER_MAD * float(np.nanmedian(np.abs(controls - np.nanmedian(controls))))
    return Excess(by_item.astype(np.float64), left, left / scale, max(spread, _MIN_SPREAD_DEVIATIONS))


def judge(
    cube: Cube,
    groups: Integers,
    kin: Mask,
    rng: np.random.Generator,
    *,
    pair: tuple[int, int] = (0, 1),
    contrast: Contrast | None = None,
    permutations: int = MAX_PERMUTATIONS,
) -> Finding:
    """Return what the cube says of a pair, suspect and our model as places in it. All other models are controls.

    With a contrast, the excess of marked items over matched others is judged instead of the excess of all.

    Args:
        cube: Similarities, (items, models, models).
        groups: The prompt of each item, (items,): items of one prompt are exchanged together.
        kin: Pairs of models that are alike for another reason, (models, models); they are left out of the fit.
        rng: Draws the permutations.
        pair: Places of suspect and our model.
        contrast: Which items are marked, and what they are matched by.
        permutations: How many are drawn; the smallest p-value is 1 / (permutations + 1).
    """
    suspect, teacher = pair
    if contrast is not None:
        p_prompts = _contrast_p(excess(cube, kin, suspect, teacher).by_item[:, teacher], contrast, rng, permutations)
        weights = matched_weights(contrast.marked, contrast.strata) * len(cube)
        cube = cube * weights.astype(np.float32)[:, None, None]
        observed = excess(cube, kin, suspect, teacher)
    else:
        observed = excess(cube, kin, suspect, teacher)
        others = [place for place in range(cube.shape[1]) if place not in pair and not kin[suspect, place]]
        p_prompts = exchange_p(observed.by_item[:, [teacher, *others]], groups, rng, permutations)
    return _finding(cube, observed, groups, p_prompts, pair)


def exchange_p(by_item: Floats, groups: Integers, rng: np.random.Generator, permutations: int = MAX_PERMUTATIONS) -> float:
    """Return the p-value of the first column's mean, when each of the `groups` of items, (items,), draws at random whose column it takes.

    `by_item` is (items, models). The smallest value is 1 / (permutations + 1).
    """
    sums = _sums(by_item, groups)
    observed = sums[:, 0].sum()
    rows = np.arange(len(sums))
    chunk = max(1, _CHUNK_CELLS // len(sums))
    tried = exceeded = 0
    slack = 1e-9 * (1.0 + np.abs(sums).sum())
    while tried < permutations:
        step = min(chunk, permutations - tried, max(100, tried))
        drawn = rng.integers(sums.shape[1], size=(step, len(sums)))
        exceeded += int((sums[rows, drawn].sum(axis=1) >= observed - slack).sum())
        tried += step
        if exceeded >= ENOUGH_EXCEEDANCES:
            break
    return (exceeded + 1) / (tried + 1)


def shuffle_p(values: Floats, marked: Mask, strata: Integers, rng: np.random.Generator, permutations: int = MAX_PERMUTATIONS) -> float:
    """Return the p-value of the marked values' mean less the others', when marks are shuffled within strata. All are (items,).

    The smallest value is 1 / (permutations + 1). Only strata with marked and other values count, each with its number of marked ones.
    """
    observed = matched_difference(values, marked, strata)
    order = np.argsort(strata, kind="stable")
    sorted_values, sorted_marks, sorted_strata = values[order], marked[order], strata[order]
    tried = exceeded = 0
    while tried < permutations and exceeded < ENOUGH_EXCEEDANCES:
        keys = sorted_strata + rng.random(len(values))
        drawn = sorted_values[np.argsort(keys, kind="stable")]
        exceeded += matched_difference(drawn, sorted_marks, sorted_strata) >= observed - 1e-12
        tried += 1
    return (int(exceeded) + 1) / (tried + 1)


def matched_difference(values: Floats, marked: Mask, strata: Integers) -> float:
    """Return the mean of marked values less that of others of the same stratum (`strata`, by item); nan when no stratum has both.

    >>> matched_difference(np.array([3.0, 1.0, 9.0]), np.array([True, False, False]), np.array([0, 0, 1]))
    2.0
    """
    return float(values @ matched_weights(marked, strata)) if _both(marked, strata).any() else float("nan")


def matched_weights(marked: Mask, strata: Integers) -> Floats:
    """Return weights (items,): those of marked items add up to 1, those of others to -1, stratum by stratum alike."""
    count = int(strata.max()) + 1
    inside = np.bincount(strata, marked, minlength=count)
    outside = np.bincount(strata, ~marked, minlength=count)
    share = np.where(_both(marked, strata), inside, 0.0)
    share = share / max(share.sum(), 1.0)
    weights: Floats = np.where(marked, (share / np.maximum(inside, 1))[strata], (-share / np.maximum(outside, 1))[strata])
    return weights


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values corrected over tests (Holm 1979, "A simple sequentially rejective multiple test procedure").

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected = [0.0] * len(values)
    largest = 0.0
    for step, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(values) - step) * values[place]))
        corrected[place] = largest
    return corrected


def corroborated(values: Sequence[float]) -> float | None:
    """Return the p-value that at least two of the tests show an excess, under any dependence between them; None for fewer than two tests.

    The partial conjunction of two (Benjamini and Heller 2008, "Screening for partial conjunction hypotheses"), by Bonferroni: (n - 1) times
    the second smallest of n p-values.

    >>> corroborated([0.001, 0.9, 0.004]), corroborated([0.001])
    (0.008, None)
    """
    if len(values) < 2:  # noqa: PLR2004 - two tests corroborate each other
        return None
    return min(1.0, (len(values) - 1) * sorted(values)[1])


def _contrast_p(values: Floats, contrast: Contrast, rng: np.random.Generator, permutations: int) -> float:
    """Return the p-value of marked less other values, when marks are shuffled over units; within strata where each item is a unit."""
    units, first, numbers = np.unique(contrast.units, return_index=True, return_inverse=True)
    if len(units) == len(values):
        return shuffle_p(values, contrast.marked, contrast.strata, rng, permutations)
    means = np.bincount(numbers, values) / np.bincount(numbers)
    return shuffle_p(means, contrast.marked[first], np.zeros(len(units), dtype=np.int64), rng, permutations)


def _finding(cube: Cube, observed: Excess, groups: Integers, p_prompts: float, pair: tuple[int, int]) -> Finding:
    suspect, teacher = pair
    effect = float(observed.mean[pair]) / observed.spread
    controls = [model for model in range(cube.shape[1]) if model not in pair]
    pairs = observed.scaled[np.triu_indices(len(observed.scaled), 1)]
    pairs = pairs[~np.isnan(pairs)]
    p_panel = float((pairs >= observed.scaled[pair] - 1e-9).mean())
    to_teacher, to_suspect = (observed.mean[controls, model] / observed.spread for model in (teacher, suspect))
    error, design = _standard_error(observed.by_item[:, teacher], groups)
    half = _NORMAL_975_QUANTILE * error / observed.spread
    statistic = float(cube[:, suspect, teacher].mean(dtype=np.float64))
    return Finding(
        statistic=statistic,
        expected=statistic - float(observed.mean[pair]),
        effect=effect,
        interval=(effect - half, effect + half),
        p_prompts=p_prompts,
        p_panel=p_panel,
        p=max(p_prompts, p_panel),
        rank=1 + int((to_teacher >= effect).sum()),
        teacher_rank=1 + int((to_suspect >= effect).sum()),
        controls=len(controls),
        smallest_p_rank=1.0 / (len(controls) + 1),
        smallest_p_panel=1.0 / len(pairs),
        control_effects=tuple(float(value) for value in to_teacher),
        items=len(cube),
        design_effect=design,
    )


def _own(totals: Floats, allowed: Mask) -> Floats:
    """Return each model's own part of an additive fit, from sums over its allowed pairs; `totals` is (models,) or (models, items)."""
    normal = np.diag(allowed.sum(axis=1).astype(np.float64)) + allowed
    own: Floats = np.linalg.lstsq(normal, totals, rcond=None)[0]
    return own


def _spreads(left: Floats) -> Floats:
    """Return how much each model's pairs vary, (models,): half by its own median deviation, half by the panel's."""
    everyone = float(np.sqrt(np.nanmean(left[np.triu_indices(len(left), 1)] ** 2)))
    own = STANDARD_DEVIATIONS_PER_MAD * np.nanmedian(np.abs(left), axis=1)
    varies: Floats = np.sqrt((everyone**2 + own**2) / 2.0)
    return np.asarray(np.maximum(varies, _MIN_SPREAD_DEVIATIONS), dtype=np.float64)


def _standard_error(values: Floats, groups: Integers) -> tuple[float, float]:
    """Return the standard error of the mean over groups, and its variance relative to that of independent items."""
    deviations = values - values.mean()
    sums = _sums(deviations[:, None], groups)[:, 0]
    items, observed = len(values), len(sums)
    grouped = float((sums**2).sum()) / items**2 * observed / max(observed - 1, 1)
    single = float((deviations**2).sum()) / items**2
    return float(np.sqrt(grouped)), grouped / single if single > 0 else 1.0


def _sums(by_item: Floats, groups: Integers) -> Floats:
    numbers = np.unique(groups, return_inverse=True)[1]
    return np.stack([np.bincount(numbers, column) for column in by_item.T], axis=1)


def _both(marked: Mask, strata: Integers) -> Mask:
    count = int(strata.max()) + 1
    both: Mask = (np.bincount(strata, marked, minlength=count) > 0) & (np.bincount(strata, ~marked, minlength=count) > 0)
    return both
