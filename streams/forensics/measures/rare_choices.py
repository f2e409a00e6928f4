"""Agreement on idiosyncratic items: options that few models choose weigh as much as they are rare.

Source: inverse document frequency (Sparck Jones 1972) applied to options: a match on an option that a share f of the panel chose weighs
-log f. A match where everybody agrees says nothing; one on an option that nobody else takes says much.
"""

from __future__ import annotations

import numpy as np

from streams.forensics.measure import Measure
from streams.forensics.panel import NO_CHOICE, Cube, Panel


def similarity(panel: Panel) -> Cube:
    """Return -log of the share of models that chose the option, where both chose it; 0 elsewhere. Unit: nats an item."""
    if panel.chosen is None:
        raise ValueError("needs options")
    chosen = panel.chosen.T
    same = (chosen[:, :, None] == chosen[:, None, :]) & (chosen != NO_CHOICE)[:, :, None]
    share = same.sum(axis=2) / panel.size
    weight = np.where(share > 0, -np.log(np.maximum(share, 1.0 / panel.size)), 0.0)
    cube: Cube = same * weight.astype(np.float32)[:, :, None]
    return cube


MEASURE = Measure(
    title="Rare choices in common",
    needs="options",
    similarity=similarity,
    shows="Both models choose the same options where hardly any other model does.",
    cannot_show="A relative of our model that is missing from the panel leaves its choices looking rare.",
)
