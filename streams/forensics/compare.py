"""Runs every measure on a panel and combines the findings: corrected p-values, and a likelihood ratio where calibrated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from streams.forensics.inference import Finding, holm, judge
from streams.forensics.measure import Measure, all_measures, missing_input
from streams.forensics.panel import Panel

PERMUTATION_SEED = 20_261_129
"""Seed of the permutations: the same files give the same report."""


@dataclass(frozen=True)
class Outcome:
    """A measure's finding with its p-value corrected over all measures that ran, or the missing input."""

    measure: Measure
    finding: Finding | None
    corrected_p: float | None
    missing: str | None


def compare(panels: Sequence[Panel], progress: Callable[[str, int, int], None] = lambda _title, _number, _of: None) -> list[Outcome]:
    """Return the outcome of every measure, on the first of the panels that has its inputs.

    `progress` is called with each measure's title, its number, and how many there are.
    """
    results: list[tuple[Measure, Finding | None, str | None]] = []
    measures = all_measures().values()
    for number, measure in enumerate(measures, start=1):
        lacks = [missing_input(measure, panel) for panel in panels]
        panel = next((panel for panel, lack in zip(panels, lacks, strict=True) if lack is None), None)
        if panel is None:
            results.append((measure, None, lacks[0]))
            continue
        progress(measure.title, number, len(measures))
        results.append((measure, examine(measure, panel), None))
    corrected = iter(holm([finding.p for _, finding, _ in results if finding is not None]))
    return [Outcome(measure, finding, None if finding is None else next(corrected), missing) for measure, finding, missing in results]


def examine(measure: Measure, panel: Panel, seed: int = PERMUTATION_SEED) -> Finding:
    """Return the finding of one measure between the first two models of a panel that has its inputs."""
    cube = measure.similarity(panel)
    contrast = None if measure.contrast is None else measure.contrast(panel, cube)
    return judge(cube, panel.groups, panel.kin, np.random.default_rng(seed), contrast=contrast)
