"""What a feature declares: a class in a file of its own in `streams/features/account/` or `group/`; no other code changes.

    class EgressShare(Feature):
        entity = "account"
        family = "content"
        direction = "high"
        limits = (0.0, 7.0)
        value = ratio(col.output_tokens, col.uncached_input_tokens).log()

`expressions` are what it reads of a request, `readings` how accumulators make one value of many requests, `bank` keeps the accumulators.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

Family = Literal["content", "evenness", "cohort", "payment", "link", "timing", "volume", "parameters", "client", "network", "change"]
Direction = Literal["high", "low", "both"]
Entity = Literal["account", "group"]


class Feature:
    """One thing that is measured of an entity. Subclass it in a file of its own; the docstring says "Rises on" and "Blind to"."""

    entity: ClassVar[Entity]
    family: ClassVar[Family]
    direction: ClassVar[Direction]
    limits: ClassVar[tuple[float, float]]
    """Declared range of the value: p-values and River models bin between these, and never learn them."""
    value: ClassVar[Any]
    """A `Reading` for accounts; for groups a function of its `Members` (`streams/features/members.py`)."""
    shrink: ClassVar[float] = 8.0
    """Events at which an account's evidence counts half: fewer say less."""
    nats: ClassVar[Any] = None
    """For groups a function from the value to what it says, in nats; None: it is shown to the analyst and has no vote. Accounts are judged
    by their tails."""

    @classmethod
    def name(cls) -> str:
        """Return the feature's name: that of its class, in snake case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
