"""What the trained judgement is given of each member of a group (`models.evidence.additive`): one declared row a column.

A new input is one row here; a model that was trained without it does not fit, so `make record-evidence train-evidence` follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from models.accumulators.short import known_or_zero, median
from models.arrays import Floats
from models.durations import HOUR
from models.evidence.families import EXTRACTION_WEIGHTS, FAMILIES
from models.evidence.weighing import MAX_FAMILY_NATS, MIN_LEVEL_NATS
from streams.features.group.shared_template import job
from streams.features.members import Members

ONE_OPERATOR_WEIGHTS: Final = {"timing": 0.5, "network": 0.7, "cohort": 0.4, "payment": 0.3, "link": 0.5}
"""What a nat of a family says of one operator beside one of even load, which has the weight 1. Chosen by hand."""
OPERATOR_CONTENT_RATIO: Final = 2.0
"""Nats of one operator that count at most, as a multiple of those of content: operation without a harvest is an ordinary customer."""
MAX_TYPICAL_CONTENT_NATS: Final = 12.0
MAX_EVEN_NATS: Final = 12.0
MAX_UNEVEN_NATS: Final = 20.0
"""Nats of uneven load, the evidence for people, that count at most."""
MAX_TEST_POWER_NATS: Final = 60.0
BALANCE_INDEX_LIMITS: Final = (0.3, 8.0)
MAX_PAYERS: Final = 60
MAX_AGE_HOURS: Final = 72.0
RULED_NATS_LIMITS: Final = (-3.0, 25.0)
RULED: Final = "ruled"
"""Name of the input that has the nats by the named rules."""
MIN_WORK_PIECES: Final = 0.5
"""Pieces of work that an account is taken to have begun at least, so that a logarithm exists."""

_CONTENT: Final = FAMILIES.index("content")


@dataclass(frozen=True)
class GroupFacts:
    """A group whose members are to be judged, and what its features and the rules say of it."""

    members: Members
    values: dict[str, float]
    """Of its features, by name, NaN where unknown."""
    nats: dict[str, float]
    """Of its features, by name, before they are capped."""
    families: Floats
    """Evidence by family, nats, (families,), NaN where unknown."""
    ruled_nats: Floats
    """Evidence of each member by the named rules, nats, (members,)."""
    power_nats: float
    """Nats of uneven load to expect by now if people made it."""
    described_by: Members
    """Members that describe the group: all, or a sample of a large one."""

    @classmethod
    def of(
        cls,
        members: Members,
        features: Sequence[Any],
        values: Floats,
        nats: Floats,
        families: Floats,
        ruled_nats: Floats,
        power_nats: float,
    ) -> GroupFacts:
        """Return the same with names: `values` and `nats` come as arrays, (features,); the others are as in the fields."""
        names = [feature.name() for feature in features]
        named, weighed = (dict(zip(names, array.tolist(), strict=True)) for array in (values, nats))
        return cls(members, named, weighed, families, ruled_nats, power_nats, described_by=members)

    def family(self, name: str) -> float:
        """Return the group's nats of a family, NaN where unknown."""
        return float(self.families[FAMILIES.index(name)])

    @property
    def began(self) -> float:
        """First request of the group, epoch seconds."""
        return self.members.whole.began if self.members.whole else float(np.nanmin(self.members.first))

    @cached_property
    def content(self) -> float:
        """ln(1 + nats) of the group's content, uncapped."""
        return float(np.log1p(sum(_positive(self.nats[name]) for name in ("member_content", "shared_template"))))

    @cached_property
    def one_operator_nats(self) -> float:
        """Nats of what shows one operator: even load, and other families weighed by ONE_OPERATOR_WEIGHTS."""
        signs = ((self.values["evenness"], 1.0), *((self.family(name), weight) for name, weight in ONE_OPERATOR_WEIGHTS.items()))
        return sum(weight * min(_positive(nats), MAX_FAMILY_NATS) for nats, weight in signs)

    @cached_property
    def member_content_nats(self) -> Floats:
        """Nats of each member's content before shrinkage, 0..MAX_FAMILY_NATS, 0 where unknown, (members,)."""
        capped = np.clip(self.members.evidence_raw[:, _CONTENT], MIN_LEVEL_NATS, MAX_FAMILY_NATS)
        content: Floats = np.fmax(capped, 0.0)
        return content


@dataclass(frozen=True)
class ModelInput:
    """One column that the trained judgement is given, for the group or for each of its members."""

    name: str
    family: str
    """The family of evidence to which its contribution to a score belongs."""
    low: float
    high: float
    """The value is cut to these limits; infinite where it has none beyond those of what it measures."""
    doc: str
    read: Callable[[GroupFacts], float | Floats]
    """Its value, one for the group or (members,), NaN where unknown, before it is cut."""


def _free(name: str, family: str, doc: str, read: Callable[[GroupFacts], float | Floats]) -> ModelInput:
    """Return an input without limits of its own."""
    return ModelInput(name, family, -math.inf, math.inf, doc, read)


def _group_family(family: str) -> ModelInput:
    """Return the input of a group's nats of one family."""
    return ModelInput(
        f"group_{family}", family, MIN_LEVEL_NATS, MAX_FAMILY_NATS, f"nats of {family} of the group", lambda facts: facts.family(family)
    )


def _member_family(family: str, *, shrunk: bool = False) -> ModelInput:
    """Return the input of each member's own nats of one family, before shrinkage or after it."""
    position = FAMILIES.index(family)
    return ModelInput(
        f"member_{family}_{'shrunk' if shrunk else 'raw'}",
        family,
        MIN_LEVEL_NATS,
        MAX_FAMILY_NATS,
        f"nats of {family} of the member by itself, {'shrunk for few requests' if shrunk else 'before shrinkage'}",
        lambda facts: (facts.members.evidence_shrunk if shrunk else facts.members.evidence_raw)[:, position],
    )


MODEL_INPUTS: Final = (
    _free("group_content", "content", "ln(1 + nats) of the group's content, uncapped", lambda facts: facts.content),
    ModelInput(
        "typical_content",
        "content",
        MIN_LEVEL_NATS,
        MAX_TYPICAL_CONTENT_NATS,
        "nats of the feature member_content",
        lambda facts: facts.nats["member_content"],
    ),
    _free(
        "shared_template",
        "content",
        "ln(1 + nats) of the feature shared_template",
        lambda facts: float(np.log1p(max(facts.nats["shared_template"], 0.0))),
    ),
    _free(
        "different_prompts", "content", "share of different prompts (feature job_partition)", lambda facts: facts.values["job_partition"]
    ),
    _member_family("content", shrunk=True),
    _member_family("content"),
    _free(
        "own_template_harvest_share",
        "content",
        "share of the member's prompts that harvest with its template",
        lambda facts: facts.members.job_share,
    ),
    _free(
        "any_template_harvest_share",
        "content",
        "share of the member's prompts that harvest with any shared template",
        lambda facts: facts.members.harvest_share,
    ),
    _free(
        "is_template_user",
        "content",
        "1 where the member uses a template of the group's job, else 0",
        lambda facts: job(facts.members).users.astype(np.float64),
    ),
    _free(
        "operator_and_member_content",
        "content",
        "nats of one operator, as far as the member's content allows",
        lambda facts: np.minimum(facts.one_operator_nats, OPERATOR_CONTENT_RATIO * facts.member_content_nats),
    ),
    ModelInput(
        "even_load", "evenness", -MAX_EVEN_NATS, MAX_EVEN_NATS, "nats of even against uneven load", lambda facts: facts.values["evenness"]
    ),
    ModelInput(
        "uneven_load",
        "evenness",
        -MAX_UNEVEN_NATS,
        0.0,
        "the same, where it is negative: as of people",
        lambda facts: facts.values["evenness"],
    ),
    ModelInput(
        "test_power",
        "evenness",
        0.0,
        math.log1p(MAX_TEST_POWER_NATS),
        "ln(1 + nats) of uneven load to expect by now if people made it",
        lambda facts: math.log1p(max(facts.power_nats, 0.0)),
    ),
    ModelInput(
        "load_balance",
        "evenness",
        float(np.log(BALANCE_INDEX_LIMITS[0])),
        float(np.log(BALANCE_INDEX_LIMITS[1])),
        "ln of the load-balance index: 0 where members work independently",
        lambda facts: float(np.log(facts.members.balance)),
    ),
    _free(
        "quota_equality",
        "evenness",
        "one less the Gini coefficient of requests (feature quota_equality)",
        lambda facts: facts.values["quota_equality"],
    ),
    _free(
        "begun_work_distance",
        "evenness",
        "distance of the member's ln(work begun) from the ln of the median",
        lambda facts: np.abs(
            np.log(np.maximum(facts.members.work_items, MIN_WORK_PIECES) / max(_usual(facts.described_by.work_items), MIN_WORK_PIECES))
        ),
    ),
    _group_family("cohort"),
    _free("start_together", "cohort", "largest share of members that began within an hour", lambda facts: facts.values["start_together"]),
    _group_family("payment"),
    _free(
        "shared_cards",
        "payment",
        "ln(1 + cards) that pay for several organisations",
        lambda facts: float(np.log1p(facts.values["shared_cards"])),
    ),
    _free("payers_per_member", "payment", "payers over members", lambda facts: facts.described_by.units / len(facts.described_by)),
    ModelInput("payers", "payment", 0.0, math.log(MAX_PAYERS), "ln of payers", lambda facts: math.log(max(facts.described_by.units, 1))),
    _free("is_payment_group", "payment", "1 where one card formed the group, else 0", lambda facts: float(facts.members.kind == "payment")),
    _group_family("link"),
    _free(
        "one_script",
        "link",
        "ln(1 + programs) beyond the first that only fill the group's template",
        lambda facts: float(np.log1p(facts.values["one_script"])),
    ),
    _free("is_router_group", "link", "1 where one router formed the group, else 0", lambda facts: float(facts.members.kind == "router")),
    _free(
        "operator_and_group_content",
        "link",
        "nats of one operator, as far as the group's content allows",
        lambda facts: min(facts.one_operator_nats, OPERATOR_CONTENT_RATIO * facts.content),
    ),
    ModelInput(RULED, "content", *RULED_NATS_LIMITS, "nats of the member by the named rules", lambda facts: facts.ruled_nats),
    _group_family("timing"),
    _member_family("timing"),
    ModelInput(
        "group_age",
        "timing",
        0.0,
        math.log1p(MAX_AGE_HOURS),
        "ln(1 + hours) since the group's first request",
        lambda facts: math.log1p(max((facts.members.now - facts.began) / HOUR, 0.0)),
    ),
    _group_family("network"),
    _member_family("network"),
    _group_family("parameters"),
    _member_family("parameters"),
    _group_family("client"),
    _member_family("client"),
    _free("stack_spread", "client", "different over known routers (feature stack_spread)", lambda facts: facts.values["stack_spread"]),
    _free("begun_work", "volume", "ln(1 + pieces of work) that the member began", lambda facts: np.log1p(facts.members.work_items)),
    _free(
        "share_of_account_work",
        "volume",
        "the work that the member began in this group over that in all",
        lambda facts: facts.members.work_items / np.maximum(facts.members.account_work_items, facts.members.work_items),
    ),
)
"""Every input, in the order of the columns that the trained model knows."""
INPUT_NAMES: Final = tuple(item.name for item in MODEL_INPUTS)

_LOW: Final = np.array([item.low for item in MODEL_INPUTS])
_HIGH: Final = np.array([item.high for item in MODEL_INPUTS])
_FAMILIES: Final = np.array([FAMILIES.index(item.family) for item in MODEL_INPUTS])
_RULED: Final = INPUT_NAMES.index(RULED)


def read(facts: GroupFacts) -> Floats:
    """Return every input of every member, (members, inputs), in the order of MODEL_INPUTS, NaN where unknown."""
    matrix = np.empty((len(facts.members), len(MODEL_INPUTS)))
    for column, item in enumerate(MODEL_INPUTS):
        matrix[:, column] = item.read(facts)
    limited: Floats = np.clip(matrix, _LOW, _HIGH)
    return limited


def by_family(contributions: Floats, measured: Floats) -> Floats:
    """Return the sums over each family's inputs, (rows, families), NaN for a family without one.

    What the named rules add is no family of its own: it is shared among the families that the rules add up, by the nats that they count.

    Args:
        contributions: What each input adds to the score of each row, nats, (rows, inputs).
        measured: The nats by family that the rules were given, (rows, families), NaN where unknown.
    """
    sums = np.full((len(contributions), len(FAMILIES)), np.nan)
    for position in np.unique(_FAMILIES).tolist():
        sums[:, position] = contributions[:, position == _FAMILIES].sum(axis=1)
    counted = np.maximum(known_or_zero(measured) * EXTRACTION_WEIGHTS, 0.0)
    total = counted.sum(axis=1, keepdims=True)
    shared = np.where(total > 0, contributions[:, [_RULED]], 0.0)  # where nothing is counted it stays with the input's own family
    sums[:, [_FAMILIES[_RULED]]] -= shared
    return np.where(counted > 0, known_or_zero(sums) + shared * counted / np.where(total > 0, total, 1.0), sums)


def _positive(value: float) -> float:
    """Return a number that is not below 0, 0 where unknown."""
    return value if value > 0 else 0.0


def _usual(values: Floats) -> float:
    """Return the median of the known numbers, NaN where none is known."""
    known = values[np.isfinite(values)]
    return median(known) if len(known) else math.nan
