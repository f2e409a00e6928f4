"""Whether the likeness is concentrated on what a case harvested: difference in differences of the wording of answers.

Source: difference in differences (Card and Krueger 1994): the excess likeness on harvested items less that on others which the whole
panel answers as alike (fifths of the panel's mean likeness), less the same difference of the controls. Convergence of models by public
data has no reason to stop at the border of what one customer asked for.
"""

from __future__ import annotations

import numpy as np

from streams.forensics.inference import Contrast
from streams.forensics.measure import Measure
from streams.forensics.measures import answer_text
from streams.forensics.panel import Cube, Panel

STRATA_QUANTILES = 5
LEAST_TOPICS = 4


def contrast(panel: Panel, cube: Cube) -> Contrast:
    """Return what is compared: marks are shuffled over whole topics where both sides have 4 or more, else over items within fifths."""
    if panel.harvested is None:
        raise ValueError("needs harvested topics")
    likeness = cube[:, 2:, 2:].mean(axis=(1, 2))  # of the controls
    fifths = (np.argsort(np.argsort(likeness, kind="stable")) * STRATA_QUANTILES) // len(likeness)
    units = np.arange(len(panel.items))
    if panel.topics is not None:
        topics = np.unique(panel.topics, return_inverse=True)[1]
        inside, outside = set(topics[panel.harvested].tolist()), set(topics[~panel.harvested].tolist())
        if not inside & outside and min(len(inside), len(outside)) >= LEAST_TOPICS:
            units = topics
    return Contrast(panel.harvested, fifths, units)


MEASURE = Measure(
    title="Concentration on harvested topics",
    needs="harvested topics",
    similarity=answer_text.similarity,
    contrast=contrast,
    shows="The likeness to our model is stronger on the topics that the case harvested than on matched topics that it did not.",
    cannot_show="A suspect whose makers care for the same topics, and took them from elsewhere, can look alike there.",
)
