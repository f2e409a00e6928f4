"""What one trait that all models have explains of their likeness: ability for choices, the style of a year for written answers.

Able models agree with able ones and weak models with weak ones; chat models of one year write alike, whoever taught them. An additive fit
cannot say that, since the likeness is a product of two models' traits. One latent factor can: the additive and multiplicative effects
model of Hoff 2021, "Additive and multiplicative effects network models" (Statistical Science 36).

A pair that helped to fit the factor lies nearer to it than a pair that did not. Its leverage (Hoaglin and Welsch 1978, "The hat matrix in
regression and ANOVA") says how much, so that the tested pair, which must not help, is compared with pairs on an equal footing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from streams.forensics.panel import Floats, Mask

MIN_MODELS: Final = 20
"""A smaller panel fits no factor: one pair would be a large part of it, and chance alone would pass for a trait."""
STANDARD_DEVIATIONS_PER_MAD: Final = 1.4826
"""Standard deviations per median absolute deviation, of a normal distribution."""
_LIMIT_DEVIATIONS: Final = 3.0
"""Pairs beyond this are pulled in to it during the fit, so that no single pair becomes a factor."""
_MAX_ROUNDS: Final = 60
_POWER_STEPS: Final = 3
_SMALLEST_STEP_DEVIATIONS: Final = 0.05
_MAX_LEVERAGE_SHARE: Final = 0.5


@dataclass(frozen=True)
class Trait:
    """What the factor explains of each pair, and how much each pair that was used drew it to itself (0 to 0.5); (models, models)."""

    explained: Floats
    leverage: Floats


def fit(mean: Floats, used: Mask) -> Trait:
    """Return what a product of two models' latent values explains of `mean`, beside each model's own part.

    Args:
        mean: Likeness of pairs, (models, models), symmetric.
        used: Pairs that count, (models, models). The others are filled in by the fit itself, round by round.

    Returns:
        The fit; zeros for a panel of fewer than 20 models.
    """
    latent = np.zeros_like(mean)
    if len(mean) < MIN_MODELS:
        return Trait(latent, latent)
    own_of = np.linalg.pinv(np.diag(used.sum(axis=1).astype(np.float64)) + used)
    vector: Floats | None = None
    for _ in range(_MAX_ROUNDS):
        rest = mean - latent
        own = own_of @ np.where(used, rest, 0.0).sum(axis=1)
        left = rest - own[:, None] - own[None, :]
        limit = _LIMIT_DEVIATIONS * STANDARD_DEVIATIONS_PER_MAD * float(np.median(np.abs(left[used])))
        filled = latent + np.where(used, np.clip(left, -limit, limit), 0.0)
        vector = _largest(filled) if vector is None else _improved(filled, vector)
        step = float(vector @ filled @ vector) * np.outer(vector, vector) - latent
        latent = latent + step
        if np.abs(step).max() <= _SMALLEST_STEP_DEVIATIONS * limit / _LIMIT_DEVIATIONS:
            break
    return Trait(latent, np.where(used, _leverage(vector), 0.0) if vector is not None else latent)


def _largest(matrix: Floats) -> Floats:
    """Return the eigenvector (models,) of the eigenvalue with the largest magnitude."""
    values, vectors = np.linalg.eigh(matrix)
    largest: Floats = vectors[:, int(np.argmax(np.abs(values)))]
    return largest


def _improved(matrix: Floats, vector: Floats) -> Floats:
    """Return the eigenvector (models,) nearest to the one of the round before, by power iteration."""
    for _ in range(_POWER_STEPS):
        product = matrix @ vector
        norm = float(np.linalg.norm(product))
        if norm == 0.0:
            return vector
        vector = product / norm
    return vector


def _leverage(vector: Floats) -> Floats:
    """Return how much of a pair's own deviation a rank-one fit takes up, (models, models)."""
    squares = vector**2
    return np.minimum(squares[:, None] + squares[None, :] - 2.0 * np.outer(squares, squares), _MAX_LEVERAGE_SHARE)
