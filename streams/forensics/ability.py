"""What likeness in ability explains of two models' choices: able models agree with able ones, weak models with weak ones.

An additive fit cannot say that, since the likeness is a product of two abilities. One latent factor can: the additive and
multiplicative effects model of Hoff 2021, "Additive and multiplicative effects network models" (Statistical Science 36).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streams.forensics.inference import STANDARD_DEVIATIONS_PER_MAD
from streams.forensics.panel import Cube, Floats, Mask

MIN_MODELS: Final = 14
"""A smaller panel fits no factor: one pair would be a large part of it."""
_LIMIT_DEVIATIONS: Final = 3.0
"""Pairs beyond this are pulled in to it during the fit, so that no single pair becomes a factor."""
_MAX_ROUNDS: Final = 200
_SMALLEST_STEP_DEVIATIONS: Final = 0.01


def less_ability(cube: Cube, kin: Mask) -> Cube:
    """Return `cube` (items, models, models) less what ability explains of its mean.

    Declared kin and the pair of suspect and our model, the first two, are no part of the fit: copying must not look like ability.
    """
    if len(kin) < MIN_MODELS:
        return cube
    used = ~(kin | np.eye(len(kin), dtype=bool))
    used[0, 1] = used[1, 0] = False
    cube -= _explained(cube.mean(axis=0, dtype=np.float64), used).astype(np.float32)
    return cube


def _explained(mean: Floats, used: Mask) -> Floats:
    """Return what a product of two models' latent values explains of `mean` (models, models), beside each model's own part.

    Only `used` pairs count; the others are filled in by the fit itself, round by round.
    """
    latent = np.zeros_like(mean)
    for _ in range(_MAX_ROUNDS):
        left = _less_own(mean - latent, used)
        deviation = STANDARD_DEVIATIONS_PER_MAD * float(np.median(np.abs(left[used])))
        filled = latent + np.where(used, np.clip(left, -_LIMIT_DEVIATIONS * deviation, _LIMIT_DEVIATIONS * deviation), 0.0)
        values, vectors = np.linalg.eigh(filled)
        largest = int(np.argmax(np.abs(values)))
        step = values[largest] * np.outer(vectors[:, largest], vectors[:, largest]) - latent
        latent += step
        if np.abs(step).max() <= _SMALLEST_STEP_DEVIATIONS * deviation:
            break
    return latent


def _less_own(matrix: Floats, used: Mask) -> Floats:
    """Return the matrix less each model's own part of an additive fit over the used pairs."""
    normal = np.diag(used.sum(axis=1).astype(np.float64)) + used
    own = np.linalg.lstsq(normal, np.where(used, matrix, 0.0).sum(axis=1), rcond=None)[0]
    return np.asarray(matrix - own[:, None] - own[None, :], dtype=np.float64)
