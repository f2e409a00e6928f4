"""CAPA: how much more often two models agree, right or wrong, than two independent models as accurate would.

Source: Goel et al. 2025, "Great models think alike and this undermines AI oversight" (arXiv 2502.04313): kappa_p = (observed - expected)
/ (1 - expected), where independent models are right by their accuracy and spread their errors evenly over the other options. Here each
model puts its whole probability on the option it chose.
"""

from __future__ import annotations

import numpy as np

from streams.forensics.measure import Measure
from streams.forensics.panel import NO_CHOICE, Cube, Panel


def similarity(panel: Panel) -> Cube:
    """Return each item's part of kappa_p; its mean over items is kappa_p."""
    if panel.chosen is None or panel.right is None or panel.options is None:
        raise ValueError("needs options")
    chosen = panel.chosen.T
    accuracy = (chosen == panel.right[:, None]).mean(axis=0)
    others = float((1.0 / np.maximum(panel.options - 1, 1)).mean())
    expected = np.outer(accuracy, accuracy) + others * np.outer(1.0 - accuracy, 1.0 - accuracy)
    same = (chosen[:, :, None] == chosen[:, None, :]) & (chosen != NO_CHOICE)[:, :, None]
    cube: Cube = same.astype(np.float32)
    cube -= expected.astype(np.float32)
    cube /= np.maximum(1.0 - expected, 1e-6).astype(np.float32)
    return cube


MEASURE = Measure(
    title="Chance-adjusted agreement (CAPA)",
    needs="options",
    similarity=similarity,
    shows="Both models agree more than two independent models of their accuracy would.",
    cannot_show="Errors of capable models converge by themselves; a shared base model raises it too.",
)
