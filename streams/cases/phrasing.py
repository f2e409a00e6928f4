"""A feature's value as a sentence: what was measured, what is usual, and what it means.

All words come from the fields of the feature (`streams/features/declaration.py`): its label, unit, scale and what it rises on.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Final

from models.evidence.calibration import VOTE_BINS
from models.evidence.weighing import MAX_FAMILY_NATS
from streams.features.declaration import NATS, SHARE, Feature
from streams.features.registry import by_name
from streams.schema.cases import FeaturePart
from streams.schema.evidence import Entity

MIN_TYPICAL_NATS: Final = 1.0
"""Evidence below is called a weak sign: a likelihood ratio below e to one."""
_MIN_VALUE_WITHOUT_DECIMALS: Final = 10.0
"""Numbers below have one decimal, others three significant digits."""
_FIRST_BIN_SHARE: Final = 0.75 / VOTE_BINS
"""Share of a feature's range up to which a usual value lies in its lowest bin: usual ranges end in the middles of bins."""


def top_features(entity: Entity, families: Collection[str] | None = None, most: int = 6) -> list[FeaturePart]:
    """Return the features with the most evidence, and each as a sentence.

    Args:
        entity: An account or a group with its features.
        families: Only features of these families; None: of all.
        most: Maximum number of features.
    """
    nats = entity.nats
    positive = [name for name in nats if nats[name] > 0 and (families is None or _family(name) in families)]
    ranked = sorted(positive, key=lambda name: (-nats[name], name))[:most]
    return [_part(name, entity.features.get(name), entity.usual.get(name), min(nats[name], MAX_FAMILY_NATS)) for name in ranked]


def _part(name: str, value: float | None, usual: list[float] | None, nats: float) -> FeaturePart:
    return FeaturePart(name, value, usual, nats, sentence(name, value, usual, nats))


def sentence(name: str, value: float | None, usual: Sequence[float] | None, nats: float) -> str:
    """Return what was measured, what is usual, and what it means.

    Args:
        name: The feature's name.
        value: Its stored value, on the feature's scale; None where unknown.
        usual: The ends of the range in which most accounts lie, on the same scale; None before it is known. Groups have none.
        nats: The evidence of the value.

    >>> sentence("daily_output", math.log1p(62_000), [math.log1p(2_900), math.log1p(60_000)], 1.5)
    'Output tokens per day: 62,000; most accounts have 2,900 to 60,000. Typical of bulk output from one account (+1.5 nats).'
    """
    kind = by_name().get(name)
    if kind is None or value is None:
        return f"{name}: unknown."
    usually = "about 0 by chance" if kind.entity == "group" else _usual(kind, usual)  # groups are few and differ: there is no usual range
    meaning = "Typical of" if nats >= MIN_TYPICAL_NATS else "Weak sign of"
    nats = min(nats, MAX_FAMILY_NATS)
    itself = kind.unit == NATS  # such a value is its own evidence, and no feature adds more than a family may have
    measured = f"{MAX_FAMILY_NATS:.1f} nats or more" if itself and value > MAX_FAMILY_NATS else amount(kind, value)
    evidence = "" if itself and math.isclose(min(value, MAX_FAMILY_NATS), nats, rel_tol=1e-3) else f" ({nats:+.1f} nats)"
    return f"{kind.label}: {measured}; {usually}. {meaning} {kind.rises_on}{evidence}."


def amount(kind: type[Feature], stored: float) -> str:
    """Return a stored value as a person reads it: on a plain scale, in the feature's unit, "or more" at its limit."""
    if kind.unit == SHARE:
        return _per_cent(stored)
    value = kind.shown(stored)
    number = _number(round(value) if kind.unit.whole else value)
    return f"{number}{' or more' if stored >= kind.limits[1] else ''}{kind.unit.suffix}"


def _usual(kind: type[Feature], usual: Sequence[float] | None) -> str:
    if not usual:
        return "what is usual is not known yet"
    lowest, highest = kind.limits
    almost_none = lowest + _FIRST_BIN_SHARE * (highest - lowest)
    low, high = (amount(kind, lowest if end <= almost_none else end) for end in usual)
    if usual[1] <= almost_none:
        return "most accounts have almost none"
    return f"most accounts have {low}" if low == high else f"most accounts have {low} to {high}"


def _per_cent(value: float) -> str:
    small = 0.0005 <= value < 0.1  # noqa: PLR2004 (as many digits as a person reads)
    return f"{value:.1%}".replace(".0%", "%") if small else f"{value:.0%}"


def _number(value: float) -> str:
    if abs(value) >= _MIN_VALUE_WITHOUT_DECIMALS:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.1f}".removesuffix(".0")


def _family(name: str) -> str:
    kind = by_name().get(name)
    return kind.family if kind else ""
