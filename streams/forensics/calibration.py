"""A likelihood ratio from several measures, calibrated on pairs of models whose makers published the teacher.

`calibration.json` is written by `make evaluate-forensics`: a logistic regression on the effects of the measures, of known teacher-student
pairs against unrelated pairs, less the log of their numbers' ratio, and a calibration curve on models that the fit has not seen. No weight
is below 0: likeness never counts against likeness, and a measure of weight 0 adds nothing to the others. Only what the file names can be
combined; whatever lies outside what was seen there is refused, and said to be.

Source: Ramos and Gonzalez-Rodriguez 2013, "Reliable support: measuring calibration of likelihood ratios"; ENFSI 2015 guideline for
evaluative reporting (a ratio of evidence, never a probability of guilt).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streams.core.typed_json import read_json
from streams.forensics.compare import Outcome
from streams.forensics.inference import Finding

FILE: Final = Path(__file__).with_name("calibration.json")
MIN_KNOWN_PAIRS: Final = 20
MAX_EFFECT_DEVIATIONS: Final = 6.0
"""Effects beyond this count as this: nothing was seen there."""


@dataclass(frozen=True)
class Bin:
    """Pairs whose likelihood ratio lies in a range: how many, the share of true ones expected from the ratios, and the share seen."""

    pairs: int
    expected: float
    observed: float


@dataclass(frozen=True)
class Calibration:
    """How effects become a likelihood ratio, and the data behind it."""

    weights: Mapping[str, float]
    intercept: float
    known_pairs: int
    unrelated_pairs: int
    fewest_controls: int
    fewest_items: int
    largest_log_ratio: float
    """Log of the largest ratio that the number of pairs can support; larger and smaller ones are limited to it."""
    curve: tuple[Bin, ...]


@dataclass(frozen=True)
class Combined:
    """A likelihood ratio, or the reason why it is refused."""

    likelihood_ratio: float | None
    cut: bool
    """Whether the ratio is at the limit that the calibration can support."""
    measures: tuple[str, ...]
    refused: str | None


def load(path: Path = FILE) -> Calibration | None:
    """Return the calibration, or None without one."""
    if not path.exists():
        return None
    return read_json(path.read_bytes(), Calibration)


def combine(outcomes: Sequence[Outcome], calibration: Calibration | None) -> Combined:
    """Return the likelihood ratio of the calibrated measures, or the reason why they cannot be combined."""
    effects = {each.measure.name: each.finding for each in outcomes if each.finding is not None}
    reason = _refusal(effects, calibration)
    if calibration is None or reason is not None:
        return Combined(None, cut=False, measures=(), refused=reason)
    logs = log_ratio({name: effects[name].effect for name in calibration.weights}, calibration)
    bound = calibration.largest_log_ratio
    held = min(max(logs, -bound), bound)
    return Combined(math.exp(held), cut=abs(logs) >= bound, measures=tuple(calibration.weights), refused=None)


def log_ratio(effects: Mapping[str, float], calibration: Calibration) -> float:
    """Return the natural logarithm of the likelihood ratio, not cut; effects are cut at `MAX_EFFECT_DEVIATIONS`, as in the fit."""
    clipped = {name: min(max(effects[name], -MAX_EFFECT_DEVIATIONS), MAX_EFFECT_DEVIATIONS) for name in calibration.weights}
    return calibration.intercept + sum(weight * clipped[name] for name, weight in calibration.weights.items())


def _refusal(effects: Mapping[str, Finding], calibration: Calibration | None) -> str | None:
    if calibration is None:
        return "there is no calibration: make evaluate-forensics writes one"
    if calibration.known_pairs < MIN_KNOWN_PAIRS:
        return f"the calibration rests on {calibration.known_pairs} known pairs, fewer than {MIN_KNOWN_PAIRS}"
    missing = sorted(calibration.weights.keys() - effects.keys())
    if missing:
        return f"calibrated are {', '.join(calibration.weights)} together, and {', '.join(missing)} did not run"
    finding = effects[next(iter(calibration.weights))]
    if finding.controls < calibration.fewest_controls:
        return f"{finding.controls} controls, where the calibration had {calibration.fewest_controls} or more"
    few = finding.items < calibration.fewest_items
    return f"{finding.items} items, where the calibration had {calibration.fewest_items} or more" if few else None
