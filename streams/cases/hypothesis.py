"""Counter-evidence: which benign hypotheses would explain the same evidence, and why they do or do not fit.

Each hypothesis is one question about the numbers of a case, and its answer quotes the number. A case lists all answers, failed ones too,
so that the analyst sees what was considered. A hypothesis that fits is a reason to ask, not an acquittal. Where no number here can refute
one, its answer is "cannot be told": to call it failed would count against the accused.

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

HYPOTHESIS_ENTRY_POINTS: Final = "hydrometer.hypotheses"
"""Where packages outside of this one name a `BenignHypothesis`."""

PLAIN_CONTENT_NATS: Final = 3.0
"""From this much evidence of content on, a harness or a batch job does not explain the requests."""
MAJORITY_SHARE: Final = 0.5
DISPATCHER_HINT_NATS: Final = 1.0
"""Below this much evidence of evenness, the requests are not dealt out by a dispatcher."""


@dataclass(frozen=True)
class Facts:
    """The numbers of a case that hypotheses are tested on."""

    alone: bool
    """One account, not a group."""
    accounts: int
    organizations: int
    cards: int
    """How many cards pay; 0: more than one, not counted, or unknown, because the log names none. So is `organizations`."""
    families: Mapping[str, float]
    """Nats by family."""
    features: Mapping[str, float]
    """Values of the strongest entity's features."""
    routing: float = 0.0
    """Nats for a router or reseller."""
    permitted: str = ""
    """Owner and reason of a permission that some of the accounts have; empty without one."""

    def nats(self, family: str) -> float:
        """Return a family's nats, 0 when unknown."""
        return self.families.get(family, 0.0)

    def feature(self, *names: str) -> float:
        """Return the first known value of these features, NaN when all are unknown."""
        return next((self.features[name] for name in names if name in self.features), math.nan)

    def nats_clause(self, family: str) -> str:
        """Return a family's nats as a clause; of a group they are its accounts' mean."""
        return f"{family} has {self.nats(family):.1f} nats{'' if self.alone else ' on average'}"

    def share(self, text: str, unknown: str, *names: str) -> tuple[float, str]:
        """Return the first known value of these features (else NaN), and `text` with it as a percentage (else `unknown`)."""
        value = self.feature(*names)
        return value, unknown if math.isnan(value) else text.format(f"{value:.0%}")

    def payers(self) -> str:
        """Return how many organisations pay, and with how many cards, as a clause."""
        cards = "one card" if self.cards == 1 else f"{self.cards or 'an unknown number of'} cards"
        return f"{self.paying()} with {cards}"

    def paying(self) -> str:
        """Return how many organisations pay, as a clause."""
        return "one organisation pays" if self.organizations == 1 else f"{self.organizations or 'an unknown number of'} organisations pay"

    def present(self) -> str:
        """Return how many accounts there are, as a clause."""
        return "there is one account" if self.accounts == 1 else f"there are {self.accounts} accounts"


Answer = tuple[bool | None, str]
"""Whether it fits (None where no number can decide), and what was found, as a clause."""

WORDS = {True: "fits", None: "cannot be told", False: "does not fit"}
"""An answer in words."""


@dataclass(frozen=True)
class BenignHypothesis:
    """One benign explanation, and the question that tests it."""

    name: str
    """The ordinary customer that would look the same, as a person reads it in a case."""
    needs: str
    """What it would need to explain the evidence, as a clause."""
    order: int
    """Position among the answers of a case, ascending."""
    ask: Callable[[Facts], Answer]
    """A pure function: the same facts give the same answer."""
    example: Facts
    """Facts that it fits."""
    tellable: bool = True
    """False: where it fits, logs alone cannot tell it from distillation, so the evidence is a question and no alert."""


def fits_unless(*, unknown: bool, fits: bool) -> bool | None:
    """Return True where it fits, None where an unknown number could still make it fit, otherwise False."""
    return True if fits else None if unknown else False


def consider(facts: Facts) -> list[Hypothesis]:
    """Return for each hypothesis whether it fits (None: cannot be told), and the reason."""
    answers = {name: _answered(hypothesis, facts) for name, hypothesis in hypotheses().items()}
    return [Hypothesis(hypothesis=name, fits=fits, because=because) for name, (fits, because) in answers.items()]


def untellable(facts: Facts) -> bool:
    """Return whether an explanation fits that logs alone cannot tell from distillation."""
    return any(bool(hypothesis.ask(facts)[0]) for hypothesis in hypotheses().values() if not hypothesis.tellable)


def _answered(hypothesis: BenignHypothesis, facts: Facts) -> tuple[bool | None, str]:
    """Return whether a hypothesis fits, and why: what it would need, what was found, and what follows."""
    fits, found = hypothesis.ask(facts)
    follows = "whether it fits cannot be told" if fits is None else f"it {WORDS[fits]}"
    return fits, f"Would need: {hypothesis.needs}; found: {found}; so {follows}."


@cache
def hypotheses() -> Mapping[str, BenignHypothesis]:
    """Return all hypotheses by name, in their order. Raises TypeError for a module or an entry point without one."""
    package = streams.cases.benign_hypotheses
    modules = [importlib.import_module(f"{package.__name__}.{module.name}") for module in pkgutil.iter_modules(package.__path__)]
    candidates: dict[str, object] = {module.__name__: getattr(module, "hypothesis", None) for module in modules}
    candidates |= {point.value: point.load() for point in entry_points(group=HYPOTHESIS_ENTRY_POINTS)}
    checked = [_checked(source, value) for source, value in candidates.items()]
    return {hypothesis.name: hypothesis for hypothesis in sorted(checked, key=lambda hypothesis: (hypothesis.order, hypothesis.name))}


def _checked(source: str, value: object) -> BenignHypothesis:
    if isinstance(value, BenignHypothesis):
        return value
    raise TypeError(f"{source} has no benign hypothesis: assign one to `hypothesis`, as streams.cases.benign_hypotheses.batch_job does")
