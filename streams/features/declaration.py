"""The declaration of a feature: a class in a file of its own in `streams/features/account/` or `group/`; no other code changes.

    class EgressShare(Feature):
        entity = "account"
        family = "content"
        direction = "high"
        limits = (0.0, 7.0)
        label = "Output tokens per uncached input token"
        unit = Unit("output tokens per input token")
        scale = LOGARITHMIC
        rises_on = "harvests with short questions and long answers"
        blind_to = "graders, whose answers are tiny, and harvests with long contexts"
        value = ratio(col.output_tokens, col.uncached_input_tokens).log()

`expressions` are functions of one request's columns, `readings` compute one value of many requests from accumulators, and `bank` has the
accumulators. All words about a feature in a case, on a board or in the data dictionary (`hydrometer features`) come from these fields.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Final, Literal

Family = str
"""A name of `models.evidence.families.FAMILIES`; the contract of features and the loading of installed ones check it."""
Direction = Literal["high", "low", "both"]
Entity = Literal["account", "group"]
Scale = Literal["plain", "ln(1+x)"]

LOGARITHMIC: Final = "ln(1+x)"
"""The stored value is ln(1 + x); people see x."""


@dataclass(frozen=True)
class Unit:
    """The unit of a feature's value, before its scale."""

    name: str
    """Name in the data dictionary: `tokens per day`."""
    suffix: str = ""
    """Text behind a number, where the label does not contain the unit."""
    whole: bool = False
    """Whether the value is a count: fractions come from estimation only, and are not shown."""


SHARE: Final = Unit("share")
"""0..1, shown in per cent."""
NATS: Final = Unit("nats", " nats")
DAYS: Final = Unit("days", " days")


def count_of(name: str) -> Unit:
    """Return the unit of a number of different values. name: what is counted, in the plural.

    >>> count_of("conversations")
    Unit(name='conversations', suffix='', whole=True)
    """
    return Unit(name, whole=True)


def value_in_nats(value: float) -> float:
    """Return the value: the `nats` of a group's feature that is already a log-likelihood ratio."""
    return value


class Feature:
    """A measured property of an entity."""

    entity: ClassVar[Entity]
    family: ClassVar[Family]
    direction: ClassVar[Direction]
    """The unusual side of the value."""
    limits: ClassVar[tuple[float, float]]
    """Declared range of the stored value: p-values and River models use bins between these limits, and never learn the limits."""
    label: ClassVar[str]
    """What is measured, in a few words: the title of its panel and the start of its sentence in a case."""
    unit: ClassVar[Unit]
    scale: ClassVar[Scale] = "plain"
    """Function from a value in `unit` to the stored one."""
    rises_on: ClassVar[str]
    """Attacks that make the value unusual (high, or low where `direction` is low), so that "Typical of ..." is a sentence."""
    blind_to: ClassVar[str]
    """Attacks that do not change the value."""
    benign_causes: ClassVar[str] = ""
    """Benign traffic that makes the value unusual too."""
    value: ClassVar[Any]
    """A `Reading` for accounts; for groups a function of its `Members` (`streams/features/members.py`)."""
    shrink: ClassVar[float] = 8.0
    """Events at which an account's evidence counts half."""
    nats: ClassVar[Any] = None
    """For groups a function from the value to its evidence in nats; None for a feature that is shown to the analyst without being evidence.
    The evidence of accounts comes from tails."""

    reads_all: ClassVar[bool] = False
    """For groups: whether a sample of the members cannot show it, because it counts how many values are different. Of a large group it is
    read from all members, when the sample is drawn."""

    @classmethod
    @cache
    def name(cls) -> str:
        """Return the feature's name: the name of its class in snake case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def shown(cls, stored: float) -> float:
        """Return a stored value in the feature's unit: x of ln(1 + x)."""
        return math.expm1(stored) if cls.scale == LOGARITHMIC else stored
