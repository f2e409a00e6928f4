"""How often two models choose the same option, beyond what models as able as each of them choose on the same question.

Source: Wollack 1997, "A nominal response model approach for detecting answer copying" (Applied Psychological Measurement 21): matches are
compared with what the copier's ability makes of each option of each question. Here the option curves are those of the panel, smoothed over
models of like accuracy by a normal kernel of the width that Silverman 1986 gives ("Density estimation", eq. 3.28), as in Ramsay 1991,
"Kernel smoothing approaches to nonparametric item characteristic curve estimation". So an option that weak models prefer makes no two weak
models alike. Each of the two is left out of the other's curve, and so are declared kin.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streams.forensics.measure import Measure
from streams.forensics.panel import NO_CHOICE, Cube, Floats, Mask, Panel

PRIOR_MODELS: Final = 0.5
"""Weight of an even chance for every option, in models: a curve without models as able is even."""
_CHUNK_ITEMS: Final = 500
_MIN_WIDTH_SHARE: Final = 0.02
"""Accuracy within which models are always alike: two models of equal accuracy are no sign of a narrow panel."""


def similarity(panel: Panel) -> Cube:
    """Return the product of two models' residuals, summed over options: positive where both choose what models as able do not."""
    if panel.chosen is None or panel.right is None or panel.options is None:
        raise ValueError("needs options")
    accuracy = (panel.chosen == panel.right).mean(axis=1)
    weights = _weights(accuracy, panel.kin)
    letters = int(max(panel.chosen.max(), panel.right.max(), NO_CHOICE)) + 1
    cube: Cube = np.zeros((len(panel.items), panel.size, panel.size), dtype=np.float32)
    for start in range(0, len(panel.items), _CHUNK_ITEMS):
        part = slice(start, start + _CHUNK_ITEMS)
        chosen = panel.chosen[:, part].T
        picked = (chosen[:, :, None] == np.arange(letters)).astype(np.float64)
        cube[part] = _residual_products(picked, weights, PRIOR_MODELS / panel.options[part])
    return cube


def _weights(accuracy: Floats, kin: Mask) -> Floats:
    """Return how much each model counts for another's option curves, (models, models); 0 for itself and for declared kin."""
    width = max(1.06 * float(accuracy.std()) * len(accuracy) ** -0.2, _MIN_WIDTH_SHARE)
    weights = np.exp(-0.5 * ((accuracy[:, None] - accuracy[None, :]) / width) ** 2)
    return np.asarray(np.where(kin | np.eye(len(kin), dtype=bool), 0.0, weights), dtype=np.float64)


def _residual_products(picked: Floats, weights: Floats, even: Floats) -> Floats:
    """Return for each pair the product of residuals, each with the other model left out of its curve, (items, models, models).

    Args:
        picked: 1 where a model chose an option, (items, models, options).
        weights: Those of `_weights`.
        even: The prior's weight of one option, (items,).
    """
    curves = np.einsum("ab,ibl->ial", weights, picked, optimize=True) + even[:, None, None]
    answered = picked.sum(axis=2)
    total = answered @ weights + PRIOR_MODELS
    without = total[:, :, None] - weights * answered[:, None, :]  # [a, b]: a's curve less b
    same = picked @ picked.transpose(0, 2, 1)
    met = picked @ curves.transpose(0, 2, 1)  # [a, b]: what b's curve gives the option of a
    met_less = (met - weights * answered[:, :, None]) / without.transpose(0, 2, 1)
    own = np.einsum("ial,ial->ia", picked, curves)
    both = curves @ curves.transpose(0, 2, 1) - weights * (own[:, :, None] + own[:, None, :]) + weights**2 * same
    products = same - met_less - met_less.transpose(0, 2, 1) + both / (without * without.transpose(0, 2, 1))
    return np.asarray(products * answered[:, :, None] * answered[:, None, :], dtype=np.float64)


MEASURE = Measure(
    title="Matches beyond ability",
    needs="options",
    similarity=similarity,
    shows="Both models choose the same options where models as able as they are choose others.",
    cannot_show="A shared base model does the same; it does not say who learned from whom.",
)
