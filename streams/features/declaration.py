"""What a feature declares: a class in a file of its own in `streams/features/account/` or `group/`; no other code changes.

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

`expressions` are what it reads of a request, `readings` how accumulators make one value of many requests, `bank` keeps the accumulators.
What a person reads of a feature, in a case, on a board or in the data dictionary (`hydrometer features`), comes from these fields alone.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

Family = str
"""A name of `models.evidence.families.FAMILIES`; the contract of features and the loading of foreign ones hold it."""
Direction = Literal["high", "low", "both"]
Entity = Literal["account", "group"]
Scale = Literal["plain", "ln(1+x)"]

LOGARITHMIC: Final = "ln(1+x)"
"""The stored value is ln(1 + x): people are shown x."""


@dataclass(frozen=True)
class Unit:
    """What one of a feature's value is, before its scale."""

    name: str
    """As the data dictionary has it: `tokens per day`."""
    suffix: str = ""
    """What is written behind a number, where the label does not say it."""
    whole: bool = False
    """Things are counted: fractions come from estimating them only, and are not shown."""


SHARE: Final = Unit("share")
"""0..1, shown in per cent."""
NATS: Final = Unit("nats", " nats")
DAYS: Final = Unit("days", " days")


def count_of(things: str) -> Unit:
    """Return the unit of a number of different things.

    >>> count_of("conversations")
    Unit(name='conversations', suffix='', whole=True)
    """
    return Unit(things, whole=True)


def value_in_nats(value: float) -> float:
    """Return the value: the `nats` of a group's feature that is a log-likelihood ratio already."""
    return value


class Feature:
    """One thing that is measured of an entity."""

    entity: ClassVar[Entity]
    family: ClassVar[Family]
    direction: ClassVar[Direction]
    """Which end of the value stands out."""
    limits: ClassVar[tuple[float, float]]
    """Declared range of the stored value: p-values and River models bin between these, and never learn them."""
    label: ClassVar[str]
    """What is measured, in a few words: the title of its panel and the start of its sentence in a case."""
    unit: ClassVar[Unit]
    scale: ClassVar[Scale] = "plain"
    """How the stored value comes from one in `unit`."""
    rises_on: ClassVar[str]
    """Attacks that make it stand out (rise, or fall where `direction` is low), so that "Typical of ..." is a sentence."""
    blind_to: ClassVar[str]
    """Attacks that it does not show."""
    benign_causes: ClassVar[str] = ""
    """Benign traffic that makes it stand out too."""
    value: ClassVar[Any]
    """A `Reading` for accounts; for groups a function of its `Members` (`streams/features/members.py`)."""
    shrink: ClassVar[float] = 8.0
    """Events at which an account's evidence counts half: evidence of fewer events counts less."""
    nats: ClassVar[Any] = None
    """For groups a function from the value to its evidence, in nats; None: it is shown to the analyst and has no vote. Accounts are judged
    by their tails."""

    @classmethod
    def name(cls) -> str:
        """Return the feature's name: that of its class, in snake case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def shown(cls, stored: float) -> float:
        """Return a stored value in the feature's unit: x of ln(1 + x)."""
        return math.expm1(stored) if cls.scale == LOGARITHMIC else stored
