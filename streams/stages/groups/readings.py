"""What the trained judgement of a group reads of each member (`models.evidence.additive`): a column a name, NaN where unknown."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from models.accumulators.grouped_events import Floats
from models.accumulators.short import median
from models.durations import HOUR
from models.evidence.families import FAMILIES
from streams.features.group.shared_template import job
from streams.features.members import Members


@dataclass(frozen=True)
class Judged:
    """A group whose members are to be judged."""

    members: Members
    values: dict[str, float]
    """Of its features, by name, NaN where unknown."""
    nats: dict[str, float]
    """Of its features, by name, before they are capped."""
    families: Floats
    """(families,)."""
    rules: Floats
    """What the rules say of each member, nats, (members,)."""
    expected: float
    """Nats of uneven load to expect by now if people made it."""

    @classmethod
    def of(
        cls, members: Members, features: Sequence[Any], values: Floats, nats: Floats, families: Floats, rules: Floats, expected: float
    ) -> Judged:
        """Return the same with names: `values` and `nats` come as arrays, (features,); the others are as in the fields."""
        names = [feature.name() for feature in features]
        named, weighed = (dict(zip(names, array.tolist(), strict=True)) for array in (values, nats))
        return cls(members, named, weighed, families, rules, expected)

    def family(self, name: str) -> float:
        """Return the group's nats of a family."""
        return float(self.families[FAMILIES.index(name)])

    @cached_property
    def limited(self) -> list[float]:
        """Return the group's nats by family, -1..7, NaN where unknown."""
        limited: list[float] = np.clip(self.families, -1.0, 7.0).tolist()
        return limited

    @cached_property
    def members_limited(self) -> dict[str, Floats]:
        """Return the members' nats, -1..7, as `own` and `raw`, each (members, families)."""
        return {"own": np.clip(self.members.own, -1.0, 7.0), "raw": np.clip(self.members.raw, -1.0, 7.0)}

    @cached_property
    def lengths(self) -> Floats:
        """Return ln of the tokens that each member is answered with, a request, (members,)."""
        lengths: Floats = np.log1p(self.members.output_tokens / np.maximum(self.members.total, 1.0))
        return lengths

    @cached_property
    def usual_length(self) -> float:
        """Return the median of `lengths`."""
        return _usual(self.lengths)

    @cached_property
    def content(self) -> float:
        """Return ln(1 + nats) of the group's content, uncapped."""
        return float(np.log1p(sum(_positive(self.nats[name]) for name in ("member_content", "shared_template"))))

    @cached_property
    def operation(self) -> float:
        """Return the nats of what shows one operator, weighed by hand."""
        signs = ((self.values["evenness"], 1.0), *((self.family(name), weight) for name, weight in _ONE_OPERATOR_WEIGHTS))
        return sum(weight * min(_positive(nats), 7.0) for nats, weight in signs)


_CONTENT: Final = FAMILIES.index("content")
_ONE_OPERATOR_WEIGHTS: Final = (("timing", 0.5), ("network", 0.7), ("cohort", 0.4), ("payment", 0.3), ("link", 0.5))


def _clipped(value: float, low: float, high: float) -> float:
    """Return a number between two limits, NaN where unknown."""
    return min(max(value, low), high) if value == value else value  # noqa: PLR0124 (NaN alone differs from itself)


def _positive(value: float) -> float:
    """Return a number that is not below 0, 0 where unknown."""
    return value if value > 0 else 0.0


def _family(name: str) -> Callable[[Judged], float]:
    position = FAMILIES.index(name)
    return lambda judged: judged.limited[position]


def _own(name: str, matrix: str) -> Callable[[Judged], Floats]:
    position = FAMILIES.index(name)
    return lambda judged: judged.members_limited[matrix][:, position]


def _distinct_share(hashes: Any) -> float:
    """Return different over known hashes, NaN where none is known."""
    known = hashes[hashes != 0]
    return len(np.unique(known)) / len(known) if len(known) else np.nan


def _usual(values: Floats) -> float:
    """Return the median of the known numbers, NaN where none is known."""
    known = values[np.isfinite(values)]
    return median(known) if len(known) else np.nan


_BY_FAMILY: Final[dict[str, dict[str, Callable[[Judged], float | Floats]]]] = {
    "content": {
        "content_group": lambda judged: judged.content,
        "member_content": lambda judged: _clipped(judged.nats["member_content"], -1.0, 12.0),
        "template": lambda judged: float(np.log1p(max(judged.nats["shared_template"], 0.0))),
        "partition": lambda judged: judged.values["job_partition"],
        "o_content": _own("content", "own"),
        "r_content": _own("content", "raw"),
        "single": lambda judged: judged.values["single_question"],
        "m_single": lambda judged: judged.members.single_turn,
        "jshare": lambda judged: judged.members.job_share,
        "hshare": lambda judged: judged.members.harvest_share,
        "tshare": lambda judged: judged.members.template_share,
        "user": lambda judged: job(judged.members).users.astype(np.float64),
        "length": lambda judged: judged.usual_length,
        "m_length": lambda judged: np.abs(judged.lengths - judged.usual_length),
        "both_m": lambda judged: np.minimum(judged.operation, 2 * np.fmax(judged.members_limited["raw"][:, _CONTENT], 0.0)),
    },
    "evenness": {
        "even": lambda judged: _clipped(judged.values["evenness"], -12.0, 12.0),
        "even_neg": lambda judged: _clipped(judged.values["evenness"], -20.0, 0.0),
        "power": lambda judged: math.log1p(min(max(judged.expected, 0.0), 60.0)),
        "balance": lambda judged: float(np.log(_clipped(judged.members.balance, 0.3, 8.0))),
        "equal": lambda judged: judged.values["quota_equality"],
        "alike": lambda judged: np.abs(np.log(np.maximum(judged.members.begun, 0.5) / max(_usual(judged.members.begun), 0.5))),
    },
    "cohort": {
        "f_cohort": _family("cohort"),
        "age": lambda judged: judged.members.age_rank,
        "started": lambda judged: judged.values["start_together"],
    },
    "payment": {
        "f_payment": _family("payment"),
        "cards": lambda judged: float(np.log1p(judged.values["shared_cards"])),
        "payers": lambda judged: judged.members.units / len(judged.members),
        "units": lambda judged: math.log(min(max(judged.members.units, 1), 60)),
        "paykind": lambda judged: float(judged.members.kind == "payment"),
    },
    "link": {
        "f_link": _family("link"),
        "script": lambda judged: float(np.log1p(judged.values["one_script"])),
        "router": lambda judged: float(judged.members.kind == "router"),
        "rare": lambda judged: _usual(judged.members.rarities["router"]),
        "both": lambda judged: min(judged.operation, 2 * judged.content),
        "rules": lambda judged: np.clip(judged.rules, -3.0, 25.0),
    },
    "timing": {
        "f_timing": _family("timing"),
        "r_timing": _own("timing", "raw"),
        "hours": lambda judged: math.log1p(min(max((judged.members.now - float(np.nanmin(judged.members.first))) / HOUR, 0.0), 72.0)),
    },
    "network": {
        "f_network": _family("network"),
        "r_network": _own("network", "raw"),
        "places": lambda judged: _distinct_share(judged.members.links["subnet"]),
    },
    "parameters": {"f_parameters": _family("parameters"), "r_parameters": _own("parameters", "raw")},
    "client": {
        "f_client": _family("client"),
        "r_client": _own("client", "raw"),
        "spread": lambda judged: judged.values["stack_spread"],
    },
    "volume": {
        "begun": lambda judged: np.log1p(judged.members.begun),
        "part": lambda judged: judged.members.begun / np.maximum(judged.members.account_begun, judged.members.begun),
    },
}
"""Readings by the family that they belong to: for the group, or for each member, (members,)."""
READINGS: Final = {name: reading for readings in _BY_FAMILY.values() for name, reading in readings.items()}
"""All readings by name."""
_FAMILIES: Final = [FAMILIES.index(family) for family, readings in _BY_FAMILY.items() for _ in readings]


def read(judged: Judged) -> Floats:
    """Return every reading of every member, (members, readings), in the order of READINGS."""
    matrix = np.empty((len(judged.members), len(READINGS)))
    for column, reading in enumerate(READINGS.values()):
        matrix[:, column] = reading(judged)
    return matrix


def by_family(readings: Floats) -> Floats:
    """Return the sums over each family's readings, (rows, families), NaN for a family without one. readings: (rows, readings)."""
    sums = np.full((len(readings), len(FAMILIES)), np.nan)
    for position in sorted(set(_FAMILIES)):
        sums[:, position] = readings[:, [family == position for family in _FAMILIES]].sum(axis=1)
    return sums
