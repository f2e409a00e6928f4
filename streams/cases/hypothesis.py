"""Counter-evidence: which benign hypotheses would explain the same evidence, and why they do or do not fit.

Each hypothesis is one question about the numbers of a case, and answers with its number. A case carries all answers, the failed ones too,
so that the analyst sees what was considered. A hypothesis that fits is a reason to ask, not an acquittal. One that no number here can deny
cannot be told: to call it a failed one would count against the accused.

A hypothesis is one file in `streams.cases.benign_hypotheses`, or elsewhere under the entry point `hydrometer.hypotheses`.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Final

import streams.cases.benign_hypotheses
from streams.schema.cases import Hypothesis

ENTRY_POINTS: Final = "hydrometer.hypotheses"
"""Where packages outside of this one name a `BenignHypothesis`."""

PLAIN_CONTENT_NATS: Final = 3.0
"""From this much evidence of content on, work that looks like a harness or a batch asks for more than that."""
HALF: Final = 0.5
UNEVEN_LOAD_NATS: Final = 1.0
"""Below this much evidence of evenness, no dispatcher deals out the requests."""


@dataclass(frozen=True)
class Facts:
    """The numbers of a case that hypotheses are asked about."""

    alone: bool
    """One account, not a group."""
    accounts: int
    organizations: int
    cards: int
    """How many pay; 0: more than one, and nobody counted them."""
    families: Mapping[str, float]
    """Nats by family."""
    features: Mapping[str, float]
    """Values of the strongest entity's features."""
    routing: float = 0.0
    """Nats for a router or reseller."""
    permitted: str = ""
    """Who owns the permission of some of the accounts, and why, if there is one."""

    def nats(self, family: str) -> float:
        """Return a family's nats, 0 when nothing is known."""
        return self.families.get(family, 0.0)

    def feature(self, *names: str) -> float:
        """Return the first known of these features, NaN when none is."""
        return next((self.features[name] for name in names if name in self.features), math.nan)

    def says(self, family: str) -> str:
        """Return a family's nats as a clause."""
        return f"{family} has {self.nats(family):.1f} nats"

    def share(self, text: str, unknown: str, *names: str) -> tuple[float, str]:
        """Return the first known of these features (NaN when none is), and `text` with it as a percentage or else `unknown`."""
        value = self.feature(*names)
        return value, unknown if math.isnan(value) else text.format(f"{value:.0%}")

    def payers(self) -> str:
        """Return how many organisations pay, and with how many cards, as a clause."""
        cards = "one card" if self.cards == 1 else f"{self.cards or 'several'} cards"
        return f"{self.paying()} with {cards}"

    def paying(self) -> str:
        """Return how many organisations pay, as a clause."""
        return "one organisation pays" if self.organizations == 1 else f"{self.organizations or 'several'} organisations pay"

    def present(self) -> str:
        """Return how many accounts there are, as a clause."""
        return "there is one account" if self.accounts == 1 else f"there are {self.accounts} accounts"


Answer = tuple[bool | None, str]
"""Whether it fits, None where that cannot be told, and because of what."""

WORDS = {True: "fits", None: "cannot be told", False: "does not fit"}
"""An answer as people read it."""


@dataclass(frozen=True)
class BenignHypothesis:
    """One benign explanation, and how it is asked."""

    name: str
    """The ordinary customer that would look the same, as a person reads it in a case."""
    order: int
    """Its place among the answers of a case, ascending."""
    ask: Callable[[Facts], Answer]
    """Pure: the same facts give the same answer."""
    example: Facts
    """Facts that it fits."""


def fits_unless(*, unknown: bool, fits: bool) -> bool | None:
    """Return True where it fits, None where a number is unknown that could still make it fit, False else."""
    return True if fits else None if unknown else False


def consider(facts: Facts) -> list[Hypothesis]:
    """Return for each hypothesis whether it fits (None: that cannot be told), and because of what."""
    answers = {name: hypothesis.ask(facts) for name, hypothesis in hypotheses().items()}
    return [Hypothesis(name, fits, because) for name, (fits, because) in answers.items()]


@cache
def hypotheses() -> Mapping[str, BenignHypothesis]:
    """Return all hypotheses by name, in their order. Raises TypeError for a module or an entry point that holds none."""
    package = streams.cases.benign_hypotheses
    modules = [importlib.import_module(f"{package.__name__}.{module.name}") for module in pkgutil.iter_modules(package.__path__)]
    found: dict[str, object] = {module.__name__: getattr(module, "hypothesis", None) for module in modules}
    found |= {point.value: point.load() for point in entry_points(group=ENTRY_POINTS)}
    known = [_checked(place, value) for place, value in found.items()]
    return {each.name: each for each in sorted(known, key=lambda each: (each.order, each.name))}


def _checked(place: str, value: object) -> BenignHypothesis:
    if isinstance(value, BenignHypothesis):
        return value
    raise TypeError(f"{place} holds no benign hypothesis: assign one, as streams.cases.benign_hypotheses.batch_job does")
