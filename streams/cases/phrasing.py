"""A feature's value as a sentence: what it is, what it is for others, and what that says.

The words are the first sentence of the feature's docstring, up to the first colon or bracket. What it measures "as ln(1 + x)" is said as
x, a share is said in per cent, and a value at its declared limit is "or more".
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from models.evidence.weighing import BINS
from streams.features.declaration import Feature
from streams.features.registry import features

_END = re.compile(r"[:;]|\.(\s|$)| \((?!1 \+)|, where |, in nats")
_LOG = re.compile(r", as ln\(1 \+ \w+\)")
_SMALL = 10.0


def top_features(entity: Mapping[str, Any], families: Collection[str] | None = None, most: int = 6) -> list[dict[str, Any]]:
    """Return the features with the most nats, of these families only if any are named: `feature` of each."""
    nats: Mapping[str, float] = entity["nats"]
    spoken = [name for name in nats if nats[name] > 0 and (families is None or _family(name) in families)]
    ranked = sorted(spoken, key=lambda name: (-nats[name], name))[:most]
    return [feature(name, entity["features"].get(name), entity["usual"].get(name), nats[name]) for name in ranked]


def feature(name: str, value: float | None, usual: Sequence[float] | None, nats: float) -> dict[str, Any]:
    """Return a feature's part in a score: its name, its value, the usual range, nats, and all of it as a sentence."""
    return {"feature": name, "value": value, "usual": usual, "nats": nats, "sentence": sentence(name, value, usual, nats)}


def sentence(name: str, value: float | None, usual: Sequence[float] | None, nats: float) -> str:
    """Say what a feature is, how much of it there is, what is usual, and what that says in nats."""
    kind = _known().get(name)
    if kind is None or value is None:
        return f"{name}: unknown."
    if kind.entity == "group":
        return f"{words(kind)}: {_group_amount(kind, value, nats)}."
    return f"{words(kind)}: {amount(kind, value)}{_others(kind, usual)} ({nats:+.1f} nats)."


def words(kind: type[Feature]) -> str:
    """Return what a feature is, as the start of a statement about its value."""
    said = _LOG.sub("", _first(kind))
    end = _END.search(said)
    return (said[: end.start()] if end else said).strip()


def amount(kind: type[Feature], value: float) -> str:
    """Return a value in the unit that its words promise."""
    full = value >= kind.limits[1]
    if _LOG.search(_first(kind)):
        found = math.expm1(value)
        return _number(round(found) if words(kind).startswith("Different") else found)  # a sketch counts to within a few per cent
    if kind.limits == (0.0, 1.0):
        return _per_cent(value) if "hare of" in words(kind) else f"{value:.2f}"
    return f"{_number(value)}{' or more' if full else ''}"


def _others(kind: type[Feature], usual: Sequence[float] | None) -> str:
    if not usual:
        return "; what is usual is not known yet"
    least = kind.limits[0] + 0.75 * (kind.limits[1] - kind.limits[0]) / BINS  # usual ranges end in the middles of bins
    low, high = (amount(kind, kind.limits[0] if each <= least else each) for each in usual)
    if usual[1] <= least:
        return ", where most accounts have next to none"
    return f", where most accounts have {low}" if low == high else f", where most accounts have {low} to {high}"


def _group_amount(kind: type[Feature], value: float, nats: float) -> str:
    """Say a group's value. Groups are few and no two are alike, so it is held against chance, not against a usual range."""
    if math.isclose(value, nats, rel_tol=1e-3):
        return f"{amount(kind, value)} nats, where chance gives none"
    return f"{amount(kind, value)}, where unrelated accounts have none ({nats:+.1f} nats)"


def _per_cent(value: float) -> str:
    few = 0.0005 <= value < 0.1  # noqa: PLR2004 (as many digits as a person reads)
    return f"{value:.1%}".replace(".0%", "%") if few else f"{value:.0%}"


def _number(value: float) -> str:
    if abs(value) >= _SMALL:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.1f}".removesuffix(".0")


def _family(name: str) -> str:
    kind = _known().get(name)
    return kind.family if kind else ""


@cache
def _known() -> dict[str, type[Feature]]:
    return {each.name(): each for each in (*features("account"), *features("group"))}


def _first(kind: type[Feature]) -> str:
    """Return the first paragraph of a feature's docstring as one line."""
    return " ".join((kind.__doc__ or kind.name()).split("\n\n")[0].split())
