"""How often two models choose the same wrong option where both are wrong, less what models usually do on questions as hard.

Source: Kim et al. 2025, "Correlated errors in large language models" (arXiv 2506.07962): unrelated models already agree on 60 % of the
questions that both get wrong, capable ones on more. So agreement is judged within strata of difficulty (the share of models that are
right) and number of options, against what the panel's pairs do there, never against chance.
"""

from __future__ import annotations

import numpy as np

from streams.forensics.measure import Measure
from streams.forensics.panel import NO_CHOICE, Cube, Panel

DIFFICULTY_BANDS = 5


def similarity(panel: Panel) -> Cube:
    """Return agreement on wrong options less the stratum's, scaled so that the mean over items is the mean over both-wrong items.

    0 stands for an item that one of the two has right. Numerator and pairs without a both-wrong item are 0.
    """
    if panel.chosen is None or panel.right is None or panel.options is None:
        raise ValueError("needs options")
    chosen, items = panel.chosen.T, len(panel.items)
    wrong = (chosen != panel.right[:, None]) & (chosen != NO_CHOICE)
    easy = 1.0 - wrong.mean(axis=1)
    band = np.minimum((easy * DIFFICULTY_BANDS).astype(np.int64), DIFFICULTY_BANDS - 1)
    strata = np.unique(np.stack([band, panel.options]), axis=1, return_inverse=True)[1].ravel()
    both = wrong[:, :, None] & wrong[:, None, :]
    both[:, np.arange(panel.size), np.arange(panel.size)] = False
    same = both & (chosen[:, :, None] == chosen[:, None, :])
    usual = np.bincount(strata, same.sum(axis=(1, 2))) / np.maximum(np.bincount(strata, both.sum(axis=(1, 2))), 1)
    cube: Cube = same.astype(np.float32)
    cube -= usual[strata].astype(np.float32)[:, None, None]
    cube *= both
    cube *= (items / np.maximum(both.sum(axis=0), 1)).astype(np.float32)
    return cube


MEASURE = Measure(
    title="Same wrong answers",
    needs="options",
    similarity=similarity,
    shows="Both models choose the same wrong option more often than unrelated models do on questions as hard.",
    cannot_show="A shared base model or shared training text does the same; it does not say who learned from whom.",
)
