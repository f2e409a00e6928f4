"""Colours and thresholds: one meaning has one colour on every board, and thresholds follow from the alert budget."""

from __future__ import annotations

from itertools import cycle
from typing import Final

from models.evidence.families import FAMILIES
from models.evidence.weighing import ALERT_THRESHOLD_NATS, SUSPECT_NATS
from streams.cases.policy import Policy

Steps = tuple[tuple[float | None, str], ...]
"""Colours from a value upward; the first has no value."""

_POLICY: Final = Policy.load()
ALERT_NATS: Final = _POLICY.threshold_nats("extraction")
ROUTING_NATS: Final = _POLICY.threshold_nats("routing")
"""Alert threshold in nats (`streams/cases/policy.toml`); a provider with its own policy renders its own boards."""
SUSPECT_SHARE: Final = SUSPECT_NATS / ALERT_THRESHOLD_NATS
"""Share of the threshold from which an entity is suspect: its votes on what is ordinary no longer count."""

EXTRACTION: Final = "#F2495C"
ROUTING: Final = "#B877D9"
CALM: Final = "#5794F2"
GOOD: Final = "#73BF69"
WARN: Final = "#FADE2A"
BAD: Final = "#F2495C"
PLAIN: Final = "text"
GREYS: Final = ("#8E8E9A", "#6C6C78", "#A6A6B2", "#55555F")
"""Colours of the parts of a score that belong to no family."""

_HUES: Final = (
    "#F2495C",
    "#FF9830",
    "#FADE2A",
    "#B877D9",
    "#5794F2",
    "#3274D9",
    "#73BF69",
    "#37872D",
    "#8AB8FF",
    "#C0D8FF",
    "#FFA6B0",
    "#CA95E5",
)
FAMILY: Final = dict(zip(FAMILIES, cycle(_HUES), strict=False))
"""The colour of each family of evidence."""

NEUTRAL: Final[Steps] = ((None, PLAIN),)
ANY_IS_BAD: Final[Steps] = ((None, GOOD), (1, BAD))
EXTRACTION_STEPS: Final[Steps] = ((None, GOOD), (SUSPECT_SHARE * ALERT_NATS, WARN), (ALERT_NATS, BAD))
ROUTING_STEPS: Final[Steps] = ((None, GOOD), (SUSPECT_SHARE * ROUTING_NATS, WARN), (ROUTING_NATS, BAD))
